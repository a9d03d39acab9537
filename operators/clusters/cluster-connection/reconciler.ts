// cluster-connection
// Puts on each Cluster what its agent's Lease and ClusterReport say: Connected, Healthy, AccessApplied, version and nodes. Owns Ready, which
// sums up all conditions of the Cluster. Exists because agents never write to a Cluster. Assumes that the API server's clock is right: an
// agent counts as connected by the time at which the API server saw its Lease change.
import { AccessApplied, Cluster, Connected, Healthy } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, GROUP } from "../../../lib/access/names.ts";
import { Lease } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import { inClusterNamespace } from "../adopted.ts";
import { type Observed, observe } from "./observe.ts";
import { NAME, plan, type Status } from "./plan.ts";

export const clusterConnection: Reconciler<Cluster, Observed, Status> = {
  name: NAME,
  subject: Cluster,
  watches: [inClusterNamespace(Lease), inClusterNamespace(ClusterReport)],
  owns: { conditions: [Connected.type, Healthy.type, AccessApplied.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["clusters", "clusterreports"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [AGENT], verbs: ["get", "list", "watch"] },
  ],
  observe,
  plan,
};
