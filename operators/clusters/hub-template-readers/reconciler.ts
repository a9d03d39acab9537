// hub-template-readers
// Keeps one ClusterRoleBinding that lets the agents of all clusters read templates: their only permission outside their own namespaces.
// Its subject is namespace drover-system, so that two passes never write that binding at once. Assumes that templates hold nothing that an
// agent of another cluster must not read.
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { GROUP, HUB_ROLE, PATH } from "../../../lib/access/names.ts";
import type { CacheOptions } from "../../../lib/kube/cache.ts";
import { ClusterRoleBinding, Namespace } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { systemNamespaceFor } from "../system-subject.ts";
import { type Observed, plan } from "./plan.ts";

const RBAC = "rbac.authorization.k8s.io";

/** Only the one binding: the process may not see others. */
export const templateReadersCache: CacheOptions<ClusterRoleBinding> = { name: HUB_ROLE.templateReaders };

export const hubTemplateReaders: Reconciler<Namespace, Observed, never> = {
  name: "hub-template-readers",
  subject: Namespace,
  watches: [systemNamespaceFor(Cluster)],
  owns: { conditions: [], kinds: [ClusterRoleBinding] },
  permissions: [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch"] },
    {
      apiGroups: [RBAC],
      resources: ["clusterrolebindings"],
      resourceNames: [HUB_ROLE.templateReaders],
      verbs: ["get", "list", "watch", "create", "patch", "delete"],
    },
    { apiGroups: [RBAC], resources: ["clusterroles"], resourceNames: [HUB_ROLE.templateReaders], verbs: ["bind"] },
    { nonResourceURLs: [PATH.managedObjects], verbs: ["use"] },
  ],
  observe: async (_namespace, read) => ({ clusters: read.list(Cluster) }),
  plan,
};
