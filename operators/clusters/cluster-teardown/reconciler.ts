// cluster-teardown
// Holds a Cluster that is being deleted until its agent has removed Drover's objects from the managed cluster, or could not be reached for the
// grace period. Exists so that deleting a Cluster always ends, and TornDown says what is left. Assumes that an agent reports the end of its
// teardown before it stops.
import { Cluster, TornDown } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, GROUP } from "../../../lib/access/names.ts";
import { Lease } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { inClusterNamespace } from "../adopted.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

export function clusterTeardown(graceSeconds: number): Reconciler<Cluster, Observed, never> {
  return {
    name: "cluster-teardown",
    subject: Cluster,
    watches: [inClusterNamespace(Lease), inClusterNamespace(ClusterReport), inClusterNamespace(ClusterRegistration)],
    owns: { conditions: [TornDown.type], kinds: [] },
    permissions: [
      { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch", "patch"] },
      { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
      { apiGroups: [GROUP], resources: ["clusterreports", "clusterregistrations"], verbs: ["get", "list", "watch"] },
      { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [AGENT], verbs: ["get", "list", "watch"] },
    ],
    observe: async (cluster, read) => observe(cluster, read, graceSeconds),
    plan,
  };
}
