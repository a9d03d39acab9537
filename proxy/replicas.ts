// The live replicas of the proxy: each renews a Lease, and all watch the Leases. Agents receive the names, so that they keep a tunnel to each replica.
import { PROXY_NAMESPACE } from "../lib/access/names.ts";
import { pause } from "../lib/kube/backoff.ts";
import { Cache } from "../lib/kube/cache.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { Lease } from "../lib/kube/core.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import { describe, type Log } from "../lib/kube/log.ts";
import { selectorOf } from "../lib/kube/object.ts";

const LABELS = { "app.kubernetes.io/name": "proxy", "app.kubernetes.io/part-of": "drover" };
const RENEW_MS = 5_000;
/** How long a replica counts after it last renewed its Lease. */
const LEASE_SECONDS = 30;
/** A Lease that was not renewed for so long belongs to a replica that ended without deleting it. */
const ABANDONED_MS = 10 * 60_000;
const LEAVE_MS = 1_000;

/** When each Lease was last seen to change, in milliseconds of this process's monotonic clock. No other clock matters. */
export type Seen = ReadonlyMap<string, number>;

/**
 * The live replicas, sorted; this one is always among them. When this replica does not see its own renewals, the hub does not answer, and nothing
 * is known about the others either: then the previous list stays.
 */
export function liveReplicas(seen: Seen, own: string, before: readonly string[], now: number): readonly string[] {
  const recent = (at: number | undefined): boolean => at !== undefined && now - at <= LEASE_SECONDS * 1000;
  const others = recent(seen.get(own)) ? [...seen].filter(([, at]) => recent(at)).map(([name]) => name) : before;
  return [...new Set([...others, own])].sort();
}

export class Replicas {
  readonly #hub: KubeClient;
  readonly #own: string;
  readonly #log: Log;
  readonly #leases: Cache<Lease>;
  readonly #seen = new Map<string, number>();
  readonly #listeners = new Set<(names: readonly string[]) => void>();
  #names: readonly string[];

  constructor(hub: KubeClient, own: string, log: Log) {
    this.#hub = hub;
    this.#own = own;
    this.#log = log;
    this.#names = [own];
    this.#leases = new Cache(hub, Lease, { namespace: PROXY_NAMESPACE, labelSelector: selectorOf(LABELS), log });
    this.#leases.onChange((now, before) => {
      if (now !== undefined) this.#seen.set(now.metadata.name, performance.now());
      else if (before !== undefined) this.#seen.delete(before.metadata.name);
      this.#update();
    });
  }

  /** Sorted; this replica is always among them. */
  get names(): readonly string[] {
    return this.#names;
  }

  onChange(listener: (names: readonly string[]) => void): void {
    this.#listeners.add(listener);
  }

  /** Renews this replica's Lease until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#leases.start(signal);
    for (let failed = false; !signal.aborted; await pause(RENEW_MS, signal)) {
      try {
        await this.#renew(signal);
        await this.#sweep(signal);
        failed = false;
      } catch (error) {
        if (!failed && !signal.aborted) this.#log.warn("lease of this replica not renewed", { error: describe(error) });
        failed = true;
      }
      this.#update();
    }
  }

  /** Deletes this replica's Lease, so that no agent dials for it. */
  async leave(): Promise<void> {
    try {
      await this.#hub.delete(Lease, this.#key(this.#own), { signal: AbortSignal.timeout(LEAVE_MS) });
    } catch (error) {
      if (!isNotFound(error)) this.#log.info("lease of this replica not deleted; it expires", { error: describe(error) });
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const spec = {
      holderIdentity: this.#own,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    };
    const metadata = { ...this.#key(this.#own), labels: LABELS };
    const lease = { apiVersion: Lease.apiVersion, kind: Lease.kind, metadata, spec };
    await this.#hub.apply(Lease, lease, { fieldManager: "proxy", signal });
  }

  /** Deletes the Leases of replicas that were killed. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    for (const { metadata } of this.#leases.list()) {
      const at = this.#seen.get(metadata.name) ?? now;
      if (metadata.name === this.#own || now - at < ABANDONED_MS) continue;
      await this.#hub.delete(Lease, this.#key(metadata.name), { resourceVersion: metadata.resourceVersion, signal });
    }
  }

  #key(name: string) {
    return { namespace: PROXY_NAMESPACE, name };
  }

  #update(): void {
    const names = liveReplicas(this.#seen, this.#own, this.#names, performance.now());
    if (names.join() === this.#names.join()) return;
    this.#names = names;
    this.#log.info("replicas of the proxy", { replicas: names });
    for (const listener of this.#listeners) listener(names);
  }
}
