// The two bundles of guards: the one that an agent keeps in its managed cluster, and the one that deploy/ applies on the hub.
import type { KubeObject } from "../kube/object.ts";
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

const MANAGED_CLUSTER = [namespaces, managedObjects];
const HUB = [
  ...MANAGED_CLUSTER,
  backingNamespaces,
  namespaceDeletion,
  agentLeases,
  credentials,
  compiledKinds,
  hubLabel,
  hubCluster,
  restoreAcceptance,
];

/** Names of the policies, and of their bindings, that must be in force in every managed cluster before anything is granted there. */
export const GUARD_NAMES: readonly string[] = MANAGED_CLUSTER.map((guard) => guard.name);

/** Likewise on the hub. */
export const HUB_GUARD_NAMES: readonly string[] = HUB.map((guard) => guard.name);

/** ValidatingAdmissionPolicies and their bindings for a managed cluster; the hub's own agent keeps them there as well. */
export const managedClusterGuards = (): readonly KubeObject[] => MANAGED_CLUSTER.flatMap(guardObjects);

/** All that the hub needs, those of a managed cluster included. */
export const hubGuards = (): readonly KubeObject[] => HUB.flatMap(guardObjects);
