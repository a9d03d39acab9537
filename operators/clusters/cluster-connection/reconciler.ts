// cluster-connection
// Sums up, on the Cluster, what its agent's Lease and ClusterReport say: Connected, Ready, version and nodes.
// Agents never write to a Cluster themselves.
import { Cluster, Connected, Ready } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, GROUP } from "../../../lib/access/names.ts";
import { Lease } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { inClusterNamespace } from "../adopted.ts";
import { type Observed, observe } from "./observe.ts";
import { NAME, plan, type Status } from "./plan.ts";

export const clusterConnection: Reconciler<Cluster, Observed, Status> = {
  name: NAME,
  subject: Cluster,
  watches: [inClusterNamespace(Lease), inClusterNamespace(ClusterReport)],
  owns: { conditions: [Connected.type, Ready.type], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["clusters", "clusterreports"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [AGENT], verbs: ["get", "list", "watch"] },
  ],
  observe,
  plan,
};
