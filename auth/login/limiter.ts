// How often a login may be tried. Pure bookkeeping, the caller brings the time.
// Three rules, so that guessing is slow and an attacker still cannot keep the victim out:
//  - one source may try at a limited rate, for all users together;
//  - one source that fails for one user waits twice as long after each failure (the victim's own source does not wait);
//  - all sources together may fail for one user at a limited rate; a source from which the user has logged in before is exempt.
// A source that stands for many clients (a load balancer that names none) is exempt from the first two, which would hold up everybody behind it.
// There only the third rule counts, without exemption.

import { RateLimiter } from "../../lib/server/rate.ts";
import { RecentMap } from "../../lib/server/recent-map.ts";
import type { Source } from "../../lib/server/source.ts";

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

/** Failures, kept apart for users that exist and for others: invented names cannot push out the entries of real ones. */
interface Ledger {
  readonly users: RateLimiter;
  readonly failures: RecentMap<Failures>;
}

const FORGIVEN_AFTER_MS = 15 * 60_000;

export class LoginLimiter {
  readonly #limits: Limits;
  readonly #sources: RateLimiter;
  readonly #existing: Ledger;
  readonly #invented: Ledger;
  readonly #proven = new RecentMap<true>();

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.#limits = limits;
    this.#sources = new RateLimiter(limits.sourceBurst, limits.sourcePerSecond);
    const ledger = (): Ledger => ({ users: new RateLimiter(limits.userBurst, limits.userPerSecond), failures: new RecentMap() });
    [this.#existing, this.#invented] = [ledger(), ledger()];
  }

  /** To be called before anything is looked up, also for users that do not exist. Seconds to wait; 0: go on. Takes one attempt of the source. */
  admit(user: string, source: Source, now: Date): number {
    const ms = now.getTime();
    if (source.standsForMany) return this.#waitOf(pair(user, source), ms);
    const bySource = this.#sources.admit(source.key, ms);
    if (bySource > 0) return bySource;

    const waitMs = Math.max(...this.#ledgers().map(({ failures }) => failures.get(pair(user, source))?.waitUntil ?? 0)) - ms;
    if (waitMs > 0) return Math.ceil(waitMs / 1000);

    return this.isProven(user, source) ? 0 : this.#waitOf(anywhere(user), ms);
  }

  /** Whether the user has logged in from this source before, as far as this process remembers. Never where a source stands for many clients. */
  isProven(user: string, source: Source): boolean {
    return !source.standsForMany && this.#proven.has(pair(user, source));
  }

  failed(user: string, source: Source, now: Date, exists: boolean): void {
    const ms = now.getTime();
    const { users, failures } = exists ? this.#existing : this.#invented;
    users.take(source.standsForMany ? pair(user, source) : anywhere(user), ms);
    if (source.standsForMany) return;
    const { freeFailures, longestWaitSeconds } = this.#limits;
    const before = failures.get(pair(user, source));
    const count = (before !== undefined && ms - before.at < FORGIVEN_AFTER_MS ? before.count : 0) + 1;
    const seconds = count < freeFailures ? 0 : Math.min(2 ** Math.min(count - freeFailures, 30), longestWaitSeconds);
    failures.set(pair(user, source), { count, at: ms, waitUntil: ms + seconds * 1000 });
  }

  succeeded(user: string, source: Source): void {
    if (source.standsForMany) return;
    for (const { failures } of this.#ledgers()) failures.delete(pair(user, source));
    this.#proven.set(pair(user, source), true);
  }

  #ledgers(): readonly Ledger[] {
    return [this.#existing, this.#invented];
  }

  #waitOf(key: string, ms: number): number {
    return Math.max(...this.#ledgers().map(({ users }) => users.wait(key, ms)));
  }
}

/** A user name may have spaces; a source's key has none and is not empty. So no name reads like a pair. */
const anywhere = (user: string): string => ` ${user}`;
const pair = (user: string, { key }: Source): string => `${key} ${user}`;
