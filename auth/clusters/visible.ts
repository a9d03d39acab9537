// Which clusters somebody may reach: those whose ClusterMembers name him, one of his groups, or everyone, within the scope of his token.
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { encodeGroup } from "../../lib/access/group-name.ts";
import { clusterNamespace, groupSubject } from "../../lib/access/names.ts";
import type { Context } from "../context.ts";

export interface VisibleCluster {
  readonly name: string;
  readonly displayName: string;
  readonly ready: boolean;
  /** Of the member's API server, once its agent reported it. */
  readonly kubernetesVersion?: string;
}

/** `scope`: the clusters that the token is good for; undefined: all. Sorted by name. */
export function clustersOf(
  context: Pick<Context, "clusters" | "members">,
  user: User,
  scope: readonly string[] | undefined,
): VisibleCluster[] {
  const groups = new Set((user.status?.groups ?? []).flatMap(({ provider, names }) => names.flatMap((name) => subjects(provider, name))));
  return context.clusters
    .list()
    .filter(({ metadata: { name } }) => scope === undefined || scope.includes(name))
    .filter(({ metadata: { name } }) =>
      isMember(context.members.get({ name: "members", namespace: clusterNamespace(name) }), user.metadata.name, groups),
    )
    .map(visible);
}

/** A group whose name cannot be encoded is no group at any cluster. */
function subjects(provider: string, name: string): string[] {
  const encoded = encodeGroup(name);
  return encoded === undefined ? [] : [groupSubject(provider, encoded)];
}

export function isMember(members: ClusterMembers | undefined, user: string, groups: ReadonlySet<string>): boolean {
  if (members === undefined) return false;
  const { users, groups: named, everyone } = members.spec;
  return everyone || users.includes(user) || named.some((group) => groups.has(group));
}

function visible({ metadata: { name }, spec, status }: Cluster): VisibleCluster {
  return {
    name,
    displayName: spec.displayName ?? name,
    ready: status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false,
    ...(status?.kubernetesVersion === undefined ? {} : { kubernetesVersion: status.kubernetesVersion }),
  };
}
