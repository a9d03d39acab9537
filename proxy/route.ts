// Step 3: which cluster? One that is not there is answered like one that is none of the asker's business: see authorise.
import type { Cluster } from "../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";

export interface Clusters {
  cluster(name: string): Cluster | undefined;
  /** The ClusterMembers of the cluster. */
  members(cluster: string): ClusterMembers | undefined;
}

/** Who may reach the cluster; undefined when there is no such cluster, or nobody may. */
export function route(name: string, clusters: Clusters): ClusterMembers | undefined {
  return clusters.cluster(name) === undefined ? undefined : clusters.members(name);
}
