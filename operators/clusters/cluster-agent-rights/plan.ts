import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterReport } from "../../../crds/v1alpha1/clusterreport.ts";
import { AGENT, clusterNamespace, HUB_ROLE, MANAGED_BY, SYSTEM_NAMESPACE } from "../../../lib/access/names.ts";
import { Lease, RoleBinding, ServiceAccount } from "../../../lib/kube/core.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly ownNamespace: boolean;
}

/** Nothing is taken away while the cluster is deleted: its agent reports until the end, and all goes with the namespace. */
export function plan(cluster: Cluster, { ownNamespace }: Observed): Plan<never> {
  if (!ownNamespace || cluster.metadata.deletionTimestamp) return { conditions: [], finalizer: "none" };
  const namespace = clusterNamespace(cluster.metadata.name);
  return {
    apply: [
      account(namespace),
      binding(namespace, "drover:agent", HUB_ROLE.clusterAgent, { name: AGENT, namespace }),
      binding(namespace, "drover:agent-token-minter", HUB_ROLE.agentTokenMinter, { name: "auth", namespace: SYSTEM_NAMESPACE }),
      { apiVersion: Lease.apiVersion, kind: Lease.kind, metadata: { name: AGENT, namespace, labels: MANAGED_BY } },
      report(namespace),
    ],
    conditions: [],
    finalizer: "none",
  };
}

/** Nothing in the hub runs as this account: no pod is to get its token by itself. */
const account = (namespace: string): ServiceAccount => ({
  apiVersion: ServiceAccount.apiVersion,
  kind: ServiceAccount.kind,
  metadata: { name: AGENT, namespace, labels: MANAGED_BY },
  automountServiceAccountToken: false,
});

const report = (namespace: string): KubeObject & { readonly spec: object } => ({
  apiVersion: ClusterReport.apiVersion,
  kind: ClusterReport.kind,
  metadata: { name: AGENT, namespace, labels: MANAGED_BY },
  spec: {},
});

function binding(namespace: string, name: string, role: string, to: { readonly name: string; readonly namespace: string }): RoleBinding {
  return {
    apiVersion: RoleBinding.apiVersion,
    kind: RoleBinding.kind,
    metadata: { name, namespace, labels: MANAGED_BY },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "ServiceAccount", ...to }],
  };
}
