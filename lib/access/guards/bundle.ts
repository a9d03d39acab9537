// The two bundles of guards: the one that an agent keeps in its member, and the one that deploy/ applies on the hub.
import type { KubeObject } from "../../kube/object.ts";
import {
  agentLeases,
  backingNamespaces,
  compiledKinds,
  credentials,
  hubCluster,
  hubLabel,
  namespaceDeletion,
  restoreAcceptance,
} from "./hub.ts";
import { managedObjects } from "./managed-objects.ts";
import { namespaces } from "./namespaces.ts";
import { guardObjects } from "./policy.ts";

const MEMBER = [namespaces, managedObjects];
const HUB = [
  ...MEMBER,
  backingNamespaces,
  namespaceDeletion,
  agentLeases,
  credentials,
  compiledKinds,
  hubLabel,
  hubCluster,
  restoreAcceptance,
];

/** Names of the policies, and of their bindings, that must be in force in every member before anything is granted there. */
export const GUARD_NAMES: readonly string[] = MEMBER.map((guard) => guard.name);

/** Likewise on the hub. */
export const HUB_GUARD_NAMES: readonly string[] = HUB.map((guard) => guard.name);

/** ValidatingAdmissionPolicies and their bindings for a member; the hub's own agent keeps them there as well. */
export const memberGuards = (): readonly KubeObject[] => MEMBER.flatMap(guardObjects);

/** All that the hub needs, those of a member included. */
export const hubGuards = (): readonly KubeObject[] => HUB.flatMap(guardObjects);
