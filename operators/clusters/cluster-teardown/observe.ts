import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, clusterNamespace } from "../../../lib/access/names.ts";
import { Lease } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly registration: Reading<ClusterRegistration>;
  readonly report: Reading<ClusterReport>;
  readonly lease: Reading<Lease>;
  readonly graceSeconds: number;
}

export function observe(cluster: Cluster, read: Reader, graceSeconds: number): Observed {
  const namespace = clusterNamespace(cluster.metadata.name);
  return {
    registration: read.get(ClusterRegistration, AGENT, namespace),
    report: read.get(ClusterReport, AGENT, namespace),
    lease: read.get(Lease, AGENT, namespace),
    graceSeconds,
  };
}
