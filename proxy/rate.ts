// A token bucket for each key. Pure bookkeeping: the caller brings the time.

interface Bucket {
  level: number;
  at: number;
}

/** Entries that are kept; the one used longest ago makes room, so that invented keys cannot fill the memory. */
const TABLE_SIZE = 10_000;

export class RateLimiter {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Whether one more is within the rate; `nowMs` by a monotonic clock. */
  admit(key: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { level: this.#burst, at: nowMs };
    bucket.level = Math.min(this.#burst, bucket.level + (Math.max(0, nowMs - bucket.at) / 1000) * this.#perSecond);
    bucket.at = nowMs;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > TABLE_SIZE) this.#buckets.delete(this.#buckets.keys().next().value as string);
    if (bucket.level < 1) return false;
    bucket.level -= 1;
    return true;
  }
}
