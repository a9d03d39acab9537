// How often somebody may try to log in: pure bookkeeping, the caller brings the time.
// Three rules, so that guessing is slow and yet no stranger can keep the victim out:
//  - one source may try at a bounded rate, whoever it claims to be;
//  - one source that fails for one user waits twice as long after each failure (the victim's own source does not wait);
//  - all sources together may fail for one user at a bounded rate; a source from which the user has logged in before is exempt.

import { RateLimiter, RecentMap } from "../lib/limits/rate.ts";

export interface Limits {
  /** Attempts of one source: how many at once, and how many more each second. */
  readonly sourceBurst: number;
  readonly sourcePerSecond: number;
  /** Failures of one source for one user before it has to wait, and the longest wait. */
  readonly freeFailures: number;
  readonly longestWaitSeconds: number;
  /** Failures for one user from all sources that never succeeded for it. */
  readonly userBurst: number;
  readonly userPerSecond: number;
}

export const DEFAULT_LIMITS: Limits = {
  sourceBurst: 120,
  sourcePerSecond: 2,
  freeFailures: 10,
  longestWaitSeconds: 300,
  userBurst: 100,
  userPerSecond: 1 / 30,
};

interface Failures {
  count: number;
  waitUntil: number;
  at: number;
}

const FORGIVEN_AFTER_MS = 15 * 60_000;

export class LoginLimiter {
  readonly #limits: Limits;
  readonly #sources: RateLimiter;
  readonly #users: RateLimiter;
  readonly #failures = new RecentMap<Failures>();
  readonly #known = new RecentMap<true>();

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.#limits = limits;
    this.#sources = new RateLimiter(limits.sourceBurst, limits.sourcePerSecond);
    this.#users = new RateLimiter(limits.userBurst, limits.userPerSecond);
  }

  /** Asked before anything is looked up, also for users that do not exist. Seconds to wait, or 0: go on. Takes one attempt of the source. */
  admit(user: string, source: string, now: Date): number {
    const ms = now.getTime();
    const bySource = this.#sources.admit(source, ms);
    if (bySource > 0) return bySource;

    const waitMs = (this.#failures.get(pair(user, source))?.waitUntil ?? 0) - ms;
    if (waitMs > 0) return Math.ceil(waitMs / 1000);

    return this.#known.has(pair(user, source)) ? 0 : this.#users.wait(user, ms);
  }

  failed(user: string, source: string, now: Date): void {
    const ms = now.getTime();
    const { freeFailures, longestWaitSeconds } = this.#limits;
    const before = this.#failures.get(pair(user, source));
    const count = (before !== undefined && ms - before.at < FORGIVEN_AFTER_MS ? before.count : 0) + 1;
    const seconds = count < freeFailures ? 0 : Math.min(2 ** Math.min(count - freeFailures, 30), longestWaitSeconds);
    this.#failures.set(pair(user, source), { count, at: ms, waitUntil: ms + seconds * 1000 });
    this.#users.take(user, ms);
  }

  succeeded(user: string, source: string): void {
    this.#failures.delete(pair(user, source));
    this.#known.set(pair(user, source), true);
  }
}

const pair = (user: string, source: string): string => `${source} ${user}`;
