// cluster-namespace
// Keeps the namespace `cluster-<name>` on the hub for each Cluster, labelled as its backing namespace.
// Refuses one that somebody else made or prepared: they would keep permissions in it. Deletes it after all other finalizers. Holds a Cluster that is
// being deleted until it and the namespaces of the cluster's projects are gone, and takes finalizers of others off Drover's own objects in it.
import { Cluster, NamespaceReady } from "../../../crds/v1alpha1/cluster.ts";
import { AGENT, GROUP, PATH } from "../../../lib/access/names.ts";
import { groupOf } from "../../../lib/components/agent-on-hub.ts";
import { Namespace, RoleBinding, ServiceAccount } from "../../../lib/kube/core.ts";
import type { Reconciler, Watch } from "../../../lib/reconcile/contract.ts";
import { clusterAround, goingProjectNamespaceWatch, inClusterNamespace, ownNamespaceWatch } from "../adopted.ts";
import type { Status } from "../backing.ts";
import { unmanagedPermissions } from "../unmanaged.ts";
import { type Observed, OWN_OBJECTS, observe } from "./observe.ts";
import { plan } from "./plan.ts";

/** Only once they are going: a Lease changes every ten seconds. */
const goingObjects: readonly Watch[] = OWN_OBJECTS.map((kind) => ({
  kind,
  toSubjects: (object) => (object.metadata.deletionTimestamp === undefined ? [] : clusterAround(object)),
}));
const namedAgent = { resourceNames: [AGENT], verbs: ["get", "list", "watch", "patch"] };

export const clusterNamespaceReconciler: Reconciler<Cluster, Observed, Status> = {
  name: "cluster-namespace",
  subject: Cluster,
  watches: [
    ownNamespaceWatch,
    goingProjectNamespaceWatch,
    inClusterNamespace(RoleBinding),
    inClusterNamespace(ServiceAccount),
    ...goingObjects,
  ],
  owns: { conditions: [NamespaceReady.type], kinds: [Namespace] },
  permissions: [
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch", "patch"] },
    { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
    { apiGroups: [GROUP], resources: ["clusterregistrations"], verbs: ["get", "list", "watch"] },
    ...OWN_OBJECTS.map((kind) => ({ apiGroups: [groupOf(kind)], resources: [kind.plural], ...namedAgent })),
    { nonResourceURLs: [PATH.backingNamespaces], verbs: ["use"] },
    ...unmanagedPermissions,
  ],
  observe,
  plan,
};
