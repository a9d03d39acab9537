import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { clusterNamespace } from "../../../lib/access/names.ts";
import { Namespace } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { goingProjectNamespaces } from "../adopted.ts";
import { foreignIn } from "../foreign.ts";

export interface Observed {
  readonly namespace: Reading<Namespace>;
  readonly foreign: readonly string[];
  /** Of a cluster that is being deleted: the namespaces of its projects that are not gone yet. */
  readonly projectNamespaces: readonly string[];
}

export async function observe(cluster: Cluster, read: Reader): Promise<Observed> {
  const name = clusterNamespace(cluster.metadata.name);
  return {
    namespace: read.get(Namespace, name),
    foreign: foreignIn(name, read),
    projectNamespaces: cluster.metadata.deletionTimestamp ? goingProjectNamespaces(cluster.metadata.name, read) : [],
  };
}
