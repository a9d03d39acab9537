// The namespace of a cluster on the hub, as the reconcilers that work inside it see it.
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { clusterNamespace } from "../../lib/access/names.ts";
import { scopeOfNamespace } from "../../lib/access/scope.ts";
import type { CacheOptions } from "../../lib/kube/cache.ts";
import { Namespace } from "../../lib/kube/core.ts";
import type { Key, Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Reader, Watch } from "../../lib/reconcile/contract.ts";

/** True while the cluster's namespace exists, is the very one that became Drover's, and is not being deleted. */
export function hasOwnNamespace(cluster: Cluster, read: Reader): boolean {
  const found = read.get(Namespace, clusterNamespace(cluster.metadata.name));
  if (found.is !== "present") return false;
  const { uid, deletionTimestamp } = found.value.metadata;
  return uid !== undefined && uid === cluster.status?.namespaceUID && deletionTimestamp === undefined;
}

/** The cluster in whose own namespace an object lies. */
export function clusterAround({ metadata }: KubeObject): readonly Key[] {
  const scope = scopeOfNamespace(metadata.namespace ?? "");
  return scope && scope.project === undefined ? [{ name: scope.cluster }] : [];
}

/** Enqueues a cluster for changes of objects in its namespace. */
export const inClusterNamespace = (kind: Kind<KubeObject>): Watch => ({ kind, toSubjects: clusterAround });

/** Enqueues a cluster for changes of its namespace itself. */
export const ownNamespaceWatch: Watch = {
  kind: Namespace,
  toSubjects: ({ metadata }) => {
    const scope = scopeOfNamespace(metadata.name);
    return scope && scope.project === undefined ? [{ name: scope.cluster }] : [];
  },
};

const BY_CLUSTER = "cluster";

/** Namespaces by cluster: its own, and those of its projects. */
export const namespaceCache: CacheOptions<Namespace> = {
  indexes: { [BY_CLUSTER]: ({ metadata }) => [scopeOfNamespace(metadata.name)?.cluster].filter((name) => name !== undefined) },
};

/** Namespaces of its projects that are being deleted. */
export const goingProjectNamespaces = (cluster: string, read: Reader): readonly Namespace[] =>
  read
    .list(Namespace, { index: [BY_CLUSTER, cluster] })
    .filter(({ metadata }) => metadata.deletionTimestamp !== undefined && metadata.name !== clusterNamespace(cluster));

/** Enqueues a cluster when the deletion of a namespace of one of its projects begins, and when it is gone. */
export const goingProjectNamespaceWatch: Watch = {
  kind: Namespace,
  toSubjects: ({ metadata }) => {
    const scope = scopeOfNamespace(metadata.name);
    return scope?.project !== undefined && metadata.deletionTimestamp !== undefined ? [{ name: scope.cluster }] : [];
  },
};
