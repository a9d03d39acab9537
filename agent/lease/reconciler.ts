// agent-lease
// Renews the heartbeat on the hub, the Lease `agent` in the cluster's namespace: from it the hub knows that the agent lives. It assumes that the
// hub compares the time with its own clock, so it writes the hub's time.
import { AGENT } from "../../lib/access/names.ts";
import { Lease } from "../../lib/kube/core.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { type Reconciler, SINGLETON } from "../../lib/reconcile/contract.ts";
import type { Shared } from "../../lib/reconcile/shared.ts";

const EVERY_MS = 10_000;
const LEASE_SECONDS = 40;
const TIMEOUT_MS = 8_000;

export interface LeaseOptions {
  /** The cluster's namespace on the hub. */
  readonly namespace: string;
  readonly hubAheadMs: Shared<number>;
}

export const lease = ({ namespace, hubAheadMs }: LeaseOptions): Reconciler<KubeObject, number, never> => ({
  name: "agent-lease",
  subject: SINGLETON,
  watches: [],
  owns: { conditions: [], kinds: [], patches: [{ kind: Lease, side: "source" }] },
  permissions: [],
  retryCapMs: EVERY_MS,
  observe: async () => hubAheadMs.value,
  plan: (_one, aheadMs, now) => {
    const renewTime = new Date(now.getTime() + aheadMs).toISOString().replace("Z", "000Z");
    const spec = { holderIdentity: AGENT, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const object = { apiVersion: Lease.apiVersion, kind: Lease.kind, namespace, name: AGENT };
    return {
      patches: [{ object, patch: { spec }, timeoutMs: TIMEOUT_MS }],
      conditions: [],
      finalizer: "none",
      requeueAfter: { ms: EVERY_MS, because: "the next heartbeat" },
    };
  },
});
