// From the objects of hub and managed cluster to what the pure functions read.
import type { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import type { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import type { Version } from "../../lib/access/lineage.ts";
import type { ManagedNamespace } from "../../lib/access/render-namespaces.ts";
import { scopedResource } from "../../lib/access/render-rules.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Namespace } from "../../lib/kube/core.ts";
import type { ObjectMeta } from "../../lib/kube/object.ts";
import type { SeenSet, SeenTemplate } from "./known.ts";

export function seenSet({ metadata, spec }: AccessSet): SeenSet {
  return {
    name: metadata.name,
    scope: spec.scope,
    ...(spec.project === undefined ? {} : { project: { name: spec.project.name, uid: spec.project.uid } }),
    ...versionOf(metadata, spec.history),
    part: spec.part,
    bindings: spec.bindings,
    ...(spec.restoreAcceptedAt === undefined ? {} : { acceptedAt: spec.restoreAcceptedAt }),
    ...(spec.index === undefined ? {} : { index: { sets: spec.index.sets, teardown: spec.index.teardown ?? false } }),
  };
}

export function seenTemplate({ metadata, spec, status }: ClusterRoleTemplate): SeenTemplate {
  const judgement = status?.conditions?.find(({ type }) => type === "Accepted")?.status;
  return {
    name: metadata.name,
    ...versionOf(metadata, status?.history ?? []),
    ...(status?.restoreAcceptedAt === undefined ? {} : { acceptedAt: status.restoreAcceptedAt }),
    context: spec.context,
    // Unknown: the hub could not judge it anew, which is no order to withdraw. Of a template that is refused there are no rules any more.
    accepted: judgement === "True" || (judgement === "Unknown" && status?.rules !== undefined),
    rules: status?.rules ?? [],
    capabilities: status?.capabilities ?? [],
    ...(spec.externalClusterRole === undefined ? {} : { externalClusterRole: spec.externalClusterRole }),
  };
}

const versionOf = ({ uid = "", creationTimestamp = "" }: ObjectMeta, history: readonly string[]): Version => ({
  uid,
  createdAt: creationTimestamp,
  history,
});

export function managedNamespace({ metadata }: Namespace): ManagedNamespace {
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    terminating: metadata.deletionTimestamp !== undefined,
  };
}

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly namespaced: boolean }[];
}
interface GroupList {
  readonly groups?: readonly { readonly name: string; readonly versions: readonly { readonly groupVersion: string }[] }[];
}

/** "<group>/<plural>" of every cluster-scoped resource that the managed cluster serves now. A group that does not answer is left out. */
export async function discoverClusterScoped(managed: KubeClient, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { groups = [] } = (await managed.request("GET", "/apis", { signal })) as GroupList;
  const paths = [
    ["", "/api/v1"],
    ...groups.flatMap(({ name, versions }) => versions.map(({ groupVersion }) => [name, `/apis/${groupVersion}`])),
  ];
  const found = new Set<string>();
  for (const [group = "", path = ""] of paths) {
    // An aggregated API whose server is away must not keep the others from being known.
    const list = (await managed.request("GET", path, { signal }).catch(() => ({}))) as ResourceList;
    for (const { name, namespaced } of list.resources ?? []) if (!namespaced && !name.includes("/")) found.add(scopedResource(group, name));
  }
  return found;
}
