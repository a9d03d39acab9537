// When a proxy that has just started may get people: once the agents that are there have come to it, or have had the time to. Pure.

/** How long a new replica waits for tunnels. An agent that did not come by then may not be able to reach this replica at all. */
const TIMEOUT_MS = 15_000;

export interface Arrivals {
  /** Clusters whose agent is connected to the hub. */
  readonly connected: readonly string[];
  readonly hasTunnel: (cluster: string) => boolean;
  readonly listeningForMs: number;
}

/** True, or what is missing. */
export function tunnelsAreThere({ connected, hasTunnel, listeningForMs }: Arrivals): true | string {
  const missing = connected.filter((cluster) => !hasTunnel(cluster)).length;
  if (missing === 0 || listeningForMs >= TIMEOUT_MS) return true;
  return `${missing} of ${connected.length} connected clusters have no tunnel to this replica yet`;
}
