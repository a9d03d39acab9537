import { ask } from "./auth-client.ts";
import type { Session } from "./session.ts";

export interface ReachableCluster {
  readonly name: string;
  readonly displayName: string;
  readonly ready: boolean;
  readonly kubernetesVersion?: string;
}

/** The clusters that the login opens, sorted by name; asked of auth, because its holder may have no rights on the hub. */
export async function reachableClusters({ server, ca, token }: Session): Promise<ReachableCluster[]> {
  const answer = (await ask({ url: server, ca }, { method: "GET", path: "/clusters", token })) as { clusters: ReachableCluster[] };
  return answer.clusters;
}
