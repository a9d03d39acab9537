// How often something may be done, per key. Pure bookkeeping: the caller brings the time.

interface Bucket {
  readonly level: number;
  readonly at: number;
}

/** Entries that a table keeps; the one used longest ago makes room, so that a flood of invented keys cannot fill the memory. */
const TABLE_SIZE = 20_000;

/** A map of bounded size that forgets what was used longest ago. */
export class RecentMap<T> {
  readonly #entries = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > TABLE_SIZE) for (const oldest of this.#entries.keys()) return void this.#entries.delete(oldest);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
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

  /** Takes one if there is one. Seconds to wait, or 0: go on. */
  admit(key: string, nowMs: number): number {
    const wait = this.wait(key, nowMs);
    if (wait === 0) this.take(key, nowMs);
    return wait;
  }

  /** Seconds until one can be taken; takes none, and remembers nothing, so that asking about invented keys pushes no other out. */
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
    // A clock that goes back gives nothing, neither now nor when it has caught up.
    return { level: Math.min(this.#burst, level + (Math.max(0, nowMs - at) / 1000) * this.#perSecond), at: Math.max(at, nowMs) };
  }
}
