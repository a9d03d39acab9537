// Which replicas of the proxy there are: each keeps a Lease, and all watch them. Agents are told, so that they keep a tunnel to each.
import { PROXY_NAMESPACE } from "../lib/access/names.ts";
import { pause } from "../lib/kube/backoff.ts";
import { Cache } from "../lib/kube/cache.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { Lease } from "../lib/kube/core.ts";
import { isNotFound } from "../lib/kube/errors.ts";
import { describe, type Log } from "../lib/kube/log.ts";

const LABELS = { "app.kubernetes.io/name": "proxy", "app.kubernetes.io/part-of": "drover" };
const RENEW_MS = 5_000;
/** How long a replica counts after it last renewed its Lease. */
const LEASE_SECONDS = 30;
/** A Lease that was not renewed for so long is of a replica that ended without taking it away. */
const FORGOTTEN_MS = 10 * 60_000;
const LEAVE_MS = 1_000;

/** When a Lease was last seen to change, in milliseconds of a monotonic clock of this process: no other clock plays a part. */
export type Seen = ReadonlyMap<string, number>;

/**
 * The replicas that live, sorted; this one is always among them. When its own renewals do not come back, the hub is silent and says nothing
 * of the others either: then those before stay.
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
    const labelSelector = Object.entries(LABELS)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    this.#leases = new Cache(hub, Lease, { namespace: PROXY_NAMESPACE, labelSelector, log });
    this.#leases.onChange((now, before) => {
      if (now !== undefined) this.#seen.set(now.metadata.name, performance.now());
      else if (before !== undefined) this.#seen.delete(before.metadata.name);
      this.#judge();
    });
  }

  /** Sorted; this replica is always among them. */
  get names(): readonly string[] {
    return this.#names;
  }

  onChange(listener: (names: readonly string[]) => void): void {
    this.#listeners.add(listener);
  }

  /** Keeps this replica's Lease until the signal aborts. */
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
      this.#judge();
    }
  }

  /** Takes this replica's Lease away, so that no agent dials for it. */
  async leave(): Promise<void> {
    try {
      await this.#hub.delete(Lease, this.#key(this.#own), { signal: AbortSignal.timeout(LEAVE_MS) });
    } catch (error) {
      if (!isNotFound(error)) this.#log.info("lease of this replica not taken away; it runs out", { error: describe(error) });
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

  /** Removes what replicas left behind that were killed. */
  async #sweep(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    for (const { metadata } of this.#leases.list()) {
      const at = this.#seen.get(metadata.name) ?? now;
      if (metadata.name === this.#own || now - at < FORGOTTEN_MS) continue;
      await this.#hub.delete(Lease, this.#key(metadata.name), { resourceVersion: metadata.resourceVersion, signal });
    }
  }

  #key(name: string) {
    return { namespace: PROXY_NAMESPACE, name };
  }

  #judge(): void {
    const names = liveReplicas(this.#seen, this.#own, this.#names, performance.now());
    if (names.join() === this.#names.join()) return;
    this.#names = names;
    this.#log.info("replicas of the proxy", { replicas: names });
    for (const listener of this.#listeners) listener(names);
  }
}
