// cluster-namespace
// Keeps the namespace `cluster-<name>` on the hub for each Cluster, labelled as its backing namespace.
// Refuses one that somebody else made or prepared. Removes it last: the other reconcilers' finalizers come first. Keeps a Cluster that is
// being deleted until it and the namespaces of the cluster's projects are gone.
import { Cluster, NamespaceReady } from "../../../crds/v1alpha1/cluster.ts";
import { GROUP, PATH } from "../../../lib/access/names.ts";
import { Namespace, RoleBinding, ServiceAccount } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { goingProjectNamespaceWatch, inClusterNamespace, ownNamespaceWatch } from "../adopted.ts";
import type { Status } from "../backing.ts";
import { foreignAccess } from "../foreign.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

export const clusterNamespaceReconciler: Reconciler<Cluster, Observed, Status> = {
  name: "cluster-namespace",
  subject: Cluster,
  watches: [ownNamespaceWatch, goingProjectNamespaceWatch, inClusterNamespace(RoleBinding), inClusterNamespace(ServiceAccount)],
  owns: { conditions: [NamespaceReady.type], kinds: [Namespace] },
  access: [
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch", "patch"] },
    { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
    { nonResourceURLs: [PATH.backingNamespaces], verbs: ["use"] },
    ...foreignAccess,
  ],
  observe,
  plan,
};
