import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, clusterNamespace } from "../../../lib/access/names.ts";
import { Lease } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly lease: Reading<Lease>;
  readonly report: Reading<ClusterReport>;
}

export async function observe(cluster: Cluster, read: Reader): Promise<Observed> {
  const namespace = clusterNamespace(cluster.metadata.name);
  return { lease: read.get(Lease, AGENT, namespace), report: read.get(ClusterReport, AGENT, namespace) };
}
