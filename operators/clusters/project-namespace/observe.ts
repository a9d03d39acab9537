import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { Project } from "../../../crds/v1alpha1/project.ts";
import { projectNamespace } from "../../../lib/access/names.ts";
import { scopeOfNamespace } from "../../../lib/access/scope.ts";
import { Namespace } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { unmanagedIn } from "../unmanaged.ts";

export interface Observed {
  /** The cluster by the name of the namespace that the Project is in. */
  readonly cluster: Reading<Cluster>;
  readonly namespace: Reading<Namespace>;
  readonly unmanaged: readonly string[];
}

export async function observe({ metadata }: Project, read: Reader): Promise<Observed> {
  const scope = scopeOfNamespace(metadata.namespace ?? "");
  if (!scope || scope.project !== undefined) return { cluster: { is: "absent" }, namespace: { is: "absent" }, unmanaged: [] };
  const name = projectNamespace(scope.cluster, metadata.name);
  return { cluster: read.get(Cluster, scope.cluster), namespace: read.get(Namespace, name), unmanaged: unmanagedIn(name, read) };
}
