// The sign of life on the hub: the Lease `agent` in the cluster's namespace, renewed every ten seconds.
import { AGENT } from "../../lib/access/names.ts";
import { fullJitterMs, pause } from "../../lib/kube/backoff.ts";
import { ApiError, type KubeClient } from "../../lib/kube/client.ts";
import { Lease } from "../../lib/kube/core.ts";

export interface HeartbeatOptions {
  readonly hub: KubeClient;
  /** The cluster's namespace on the hub. */
  readonly namespace: string;
  /** The hub's clock minus ours: the hub judges by its own. */
  readonly hubAheadMs: () => number;
  /** The hub no longer takes our token. */
  readonly onUnauthorized: () => void;
}

const EVERY_MS = 10_000;
const LEASE_SECONDS = 40;
const TIMEOUT_MS = 8_000;

export async function beat({ hub, namespace, hubAheadMs, onUnauthorized }: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    const renewTime = new Date(Date.now() + hubAheadMs()).toISOString().replace("Z", "000Z");
    const spec = { holderIdentity: AGENT, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    try {
      await hub.patch(
        Lease,
        { namespace, name: AGENT },
        { spec },
        { type: "merge", signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]) },
      );
      failures = 0;
      await pause(EVERY_MS, signal);
    } catch (error) {
      if (error instanceof ApiError && error.code === 401) onUnauthorized();
      await pause(fullJitterMs(failures++, { baseMs: 500, capMs: EVERY_MS }), signal);
    }
  }
}
