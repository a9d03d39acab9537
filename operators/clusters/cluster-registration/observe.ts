import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace, MANIFEST_SECRET } from "../../../lib/access/names.ts";
import { Secret } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { hasOwnNamespace } from "../adopted.ts";

export interface Observed {
  readonly ownNamespace: boolean;
  readonly registration: Reading<ClusterRegistration>;
  /** Without its data. */
  readonly manifest: Reading<Secret>;
  readonly settings: string;
}

export function observe(cluster: Cluster, read: Reader, settings: string): Observed {
  const namespace = clusterNamespace(cluster.metadata.name);
  return {
    ownNamespace: hasOwnNamespace(cluster, read),
    registration: read.get(ClusterRegistration, AGENT, namespace),
    manifest: read.get(Secret, MANIFEST_SECRET, namespace),
    settings,
  };
}
