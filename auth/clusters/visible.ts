// Which clusters somebody may reach: those whose ClusterMembers name them, one of their groups, or everyone, within the scope of their token.
import type { Cluster } from "../../crds/v1alpha1/cluster.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { wholeMembers } from "../../lib/access/members.ts";
import { clusterNamespace } from "../../lib/access/names.ts";
import { isInScope, membership } from "../../lib/sessions/membership.ts";
import type { Holder } from "../authenticate.ts";
import type { Context } from "../context.ts";

export interface VisibleCluster {
  readonly name: string;
  readonly displayName: string;
  readonly ready: boolean;
  /** Of the cluster's API server, once its agent reported it. */
  readonly kubernetesVersion?: string;
}

type Known = Pick<Context, "clusters" | "members">;

/** Sorted by name. */
export const clustersOf = (context: Known, { user, token }: Holder): VisibleCluster[] =>
  context.clusters
    .list()
    .filter(({ metadata: { name } }) => isInScope(token, name) && isMember(context, user, name))
    .map(visible);

/** Whether any cluster at all is open to the user. */
export const hasAccessSomewhere = (context: Known, user: User): boolean =>
  context.clusters.list().some(({ metadata: { name } }) => isMember(context, user, name));

function isMember({ members }: Known, user: User, cluster: string): boolean {
  const namespace = clusterNamespace(cluster);
  return (
    membership(
      user,
      wholeMembers((name) => members.get({ name, namespace })),
    ) !== undefined
  );
}

function visible({ metadata: { name }, spec, status }: Cluster): VisibleCluster {
  return {
    name,
    displayName: spec.displayName ?? name,
    ready: status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false,
    ...(status?.kubernetesVersion === undefined ? {} : { kubernetesVersion: status.kubernetesVersion }),
  };
}
