// Limits how often something may be done, per key. Pure bookkeeping, the caller brings the time.
import { RecentMap } from "./recent-map.ts";

interface Bucket {
  readonly level: number;
  readonly at: number;
}

/** Token buckets: `burst` at once, then `perSecond`. Times are milliseconds of any one clock. */
export class RateLimiter {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new RecentMap<Bucket>();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Takes one if there is one. Seconds to wait; 0: go on. */
  admit(key: string, nowMs: number): number {
    const wait = this.wait(key, nowMs);
    if (wait === 0) this.take(key, nowMs);
    return wait;
  }

  /** Seconds until one can be taken. Takes none and stores nothing, so invented keys push no others out. */
  wait(key: string, nowMs: number): number {
    const { level } = this.#levelled(key, nowMs);
    return level < 1 ? Math.ceil((1 - level) / this.#perSecond) : 0;
  }

  /** Takes one, or what is left of it. */
  take(key: string, nowMs: number): void {
    const { level, at } = this.#levelled(key, nowMs);
    this.#buckets.set(key, { level: Math.max(0, level - 1), at });
  }

  #levelled(key: string, nowMs: number): Bucket {
    const { level, at } = this.#buckets.get(key) ?? { level: this.#burst, at: nowMs };
    // A clock that goes back adds nothing, neither now nor when it has caught up.
    return { level: Math.min(this.#burst, level + (Math.max(0, nowMs - at) / 1000) * this.#perSecond), at: Math.max(at, nowMs) };
  }
}
