// The two bundles of guards: the one that an agent keeps in its managed cluster, and the one that deploy/ applies on the hub.
import type { KubeObject } from "../kube/object.ts";
import { type Attempt, HUB_ATTEMPTS, MANAGED_CLUSTER_ATTEMPTS } from "./attempts.ts";
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

export interface GuardBundle {
  /** ValidatingAdmissionPolicies and their bindings, in the order in which they are applied. */
  readonly objects: readonly KubeObject[];
  /** What a probe tries in order to learn whether they are in force. */
  readonly attempts: readonly Attempt[];
}

/** What must be in force in every managed cluster before anything is granted there. The agent applies it, the hub's own agent as well. */
export const MANAGED_CLUSTER_GUARDS: GuardBundle = {
  objects: MANAGED_CLUSTER.flatMap(guardObjects),
  attempts: MANAGED_CLUSTER_ATTEMPTS,
};

/** Likewise on the hub, those of a managed cluster included. deploy/ applies it. */
export const HUB_GUARDS: GuardBundle = { objects: HUB.flatMap(guardObjects), attempts: HUB_ATTEMPTS };

/** Names of the hub's policies, and of their bindings. */
export const HUB_GUARD_NAMES: readonly string[] = HUB.map((guard) => guard.name);
