// project-namespace
// Keeps the namespace `project-<cluster>--<name>` on the hub for each Project, labelled as its backing namespace.
// Refuses one that somebody else made or prepared: they would keep permissions in it. Deletes it with the Project, and as soon as the Cluster is
// being deleted. Owns Ready, which sums up the Project's conditions. Assumes that cluster-namespace waits for these namespaces.
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { NamespaceReady, Project } from "../../../crds/v1alpha1/project.ts";
import { clusterNamespace, GROUP, PATH } from "../../../lib/access/names.ts";
import { scopeOfNamespace } from "../../../lib/access/scope.ts";
import { Namespace, RoleBinding, ServiceAccount } from "../../../lib/kube/core.ts";
import { type Key, type KubeObject, keyOf } from "../../../lib/kube/object.ts";
import type { Reconciler, Watch } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import type { Status } from "../backing.ts";
import { unmanagedPermissions } from "../unmanaged.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

const inProjectNamespace = ({ metadata }: KubeObject): readonly Key[] => projectBackedBy(metadata.namespace ?? "");
const clusterChanged: Watch = {
  kind: Cluster,
  toSubjects: ({ metadata }, read) => read.list(Project, { namespace: clusterNamespace(metadata.name) }).map(keyOf),
};

export const projectNamespaceReconciler: Reconciler<Project, Observed, Status> = {
  name: "project-namespace",
  subject: Project,
  watches: [
    { kind: Namespace, toSubjects: ({ metadata }) => projectBackedBy(metadata.name) },
    { kind: RoleBinding, toSubjects: inProjectNamespace },
    { kind: ServiceAccount, toSubjects: inProjectNamespace },
    clusterChanged,
  ],
  owns: { conditions: [NamespaceReady.type, READY], kinds: [Namespace] },
  permissions: [
    { apiGroups: [GROUP], resources: ["projects"], verbs: ["get", "list", "watch", "patch"] },
    { apiGroups: [GROUP], resources: ["projects/status"], verbs: ["get", "patch"] },
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "create", "patch", "delete"] },
    { nonResourceURLs: [PATH.backingNamespaces], verbs: ["use"] },
    ...unmanagedPermissions,
  ],
  observe,
  plan,
};

function projectBackedBy(namespace: string): readonly Key[] {
  const scope = scopeOfNamespace(namespace);
  return scope?.project === undefined ? [] : [{ name: scope.project, namespace: clusterNamespace(scope.cluster) }];
}
