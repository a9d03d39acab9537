// Which clusters a user may reach: their ClusterMembers name the user, a group of theirs, or everyone; within the scope of the token.
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { wholeMembers } from "../../lib/access/members.ts";
import { clusterNamespace } from "../../lib/access/names.ts";
import { hasCondition } from "../../lib/kube/object.ts";
import { isInScope, membership } from "../../lib/sessions/membership.ts";
import type { Authenticated } from "../../lib/sessions/session.ts";
import type { Context } from "../context.ts";

export interface VisibleCluster {
  readonly name: string;
  readonly displayName: string;
  readonly ready: boolean;
  /** Version of the cluster's API server; absent until its agent reports it. */
  readonly kubernetesVersion?: string;
}

type Caches = Pick<Context, "clusters" | "members">;

/** Sorted by name. */
export const clustersOf = (context: Caches, { user, token }: Authenticated): VisibleCluster[] =>
  context.clusters
    .list()
    .filter(({ metadata: { name } }) => isInScope(token, name) && isMember(context, user, name))
    .map(visible);

/** Whether the user may reach any cluster. */
export const hasAccessSomewhere = (context: Caches, user: User): boolean =>
  context.clusters.list().some(({ metadata: { name } }) => isMember(context, user, name));

function isMember({ members }: Caches, user: User, cluster: string): boolean {
  const namespace = clusterNamespace(cluster);
  return (
    membership(
      user,
      wholeMembers((name) => members.get({ name, namespace })),
    ) !== undefined
  );
}

function visible(cluster: Cluster): VisibleCluster {
  const { metadata, spec, status } = cluster;
  return {
    name: metadata.name,
    displayName: spec.displayName ?? metadata.name,
    ready: hasCondition(cluster, "Ready"),
    ...(status?.kubernetesVersion === undefined ? {} : { kubernetesVersion: status.kubernetesVersion }),
  };
}
