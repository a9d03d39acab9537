// When a new replica is ready for users: once every connected agent has a tunnel to it, or has had time to dial one. Pure.

/** How long a new replica waits for tunnels. An agent that has not dialled by then may not be able to reach this replica at all. */
const TUNNELS_TIMEOUT_MS = 15_000;

export interface Arrivals {
  /** Clusters whose agent is connected to the hub. */
  readonly connected: readonly string[];
  readonly hasTunnel: (cluster: string) => boolean;
  readonly listeningForMs: number;
}

/** True, or what is missing. */
export function checkTunnels({ connected, hasTunnel, listeningForMs }: Arrivals): true | string {
  const missing = connected.filter((cluster) => !hasTunnel(cluster)).length;
  if (missing === 0 || listeningForMs >= TUNNELS_TIMEOUT_MS) return true;
  return `${missing} of ${connected.length} connected clusters have no tunnel to this replica yet`;
}
