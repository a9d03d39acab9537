import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { AGENT, clusterNamespace, HUB_ROLE, MANAGED_BY } from "../../../lib/access/names.ts";
import { ClusterRoleBinding, type Namespace } from "../../../lib/kube/core.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { isSystemNamespace, NOTHING } from "../system-subject.ts";

export interface Observed {
  readonly clusters: readonly Cluster[];
}

/** Agents of clusters whose namespace is Drover's; also while a cluster is being deleted, until it is gone. */
export function plan(namespace: Namespace, { clusters }: Observed): Plan<never> {
  if (!isSystemNamespace(namespace)) return NOTHING;
  const names = clusters.filter(({ status }) => status?.namespaceUID).map(({ metadata }) => metadata.name);
  const subjects = names.sort().map((name) => ({ kind: "ServiceAccount" as const, name: AGENT, namespace: clusterNamespace(name) }));
  const { apiVersion, kind } = ClusterRoleBinding;
  const binding: ClusterRoleBinding = {
    apiVersion,
    kind,
    metadata: { name: HUB_ROLE.templateReaders, labels: MANAGED_BY },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: HUB_ROLE.templateReaders },
    subjects,
  };
  return { ...NOTHING, apply: [binding] };
}
