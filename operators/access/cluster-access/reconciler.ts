// cluster-access
// Compiles everything that people wrote about one cluster into its AccessSets, the index over them, and its ClusterMembers.
// While the hub's guards are not in force it revokes, but grants nothing. While the cluster is being deleted it
// orders the agent to remove everything. Assumes that agents and proxies read nothing else about access.
import { AccessSet } from "../../../crds/v1alpha1/accessset.ts";
import { AccessCompiled, Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../../crds/v1alpha1/clustermembers.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { clusterWatches, predicates } from "../watches.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

const reads = [
  ...["clusters", "projects", "clusterroletemplates", "clusterroletemplatebindings", "projectroletemplatebindings"],
  ...["globalroles", "globalrolebindings", "users", "authproviders"],
];

/** `guards`: what is known about the hub's own admission policies at the moment of asking. */
export function clusterAccess(guards: () => HubGuardStatus): Reconciler<Cluster, Observed, never> {
  return {
    name: "cluster-access",
    subject: Cluster,
    watches: clusterWatches,
    predicates: predicates(Cluster, AccessCompiled.type),
    owns: { conditions: [AccessCompiled.type], kinds: [AccessSet, ClusterMembers] },
    permissions: [
      { apiGroups: [GROUP], resources: reads, verbs: ["get", "list", "watch"] },
      { apiGroups: [GROUP], resources: ["accesssets", "clustermembers"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
      { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
    ],
    observe: async (cluster, read) => observe(cluster, read, guards()),
    plan,
  };
}
