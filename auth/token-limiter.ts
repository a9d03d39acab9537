// How often somebody may come with a token. Pure bookkeeping, the caller brings the time.
// A token that was good a moment ago has a rate of its own, so that no stranger at the same address can use it up.
import { RateLimiter, RecentMap } from "../lib/server/rate.ts";
import type { Source } from "../lib/server/source.ts";

export class TokenLimiter {
  readonly #strangers: RateLimiter;
  readonly #holders: RateLimiter;
  readonly #good = new RecentMap<true>();

  constructor(burst: number, perSecond: number) {
    [this.#strangers, this.#holders] = [new RateLimiter(burst, perSecond), new RateLimiter(burst, perSecond)];
  }

  /** `tokenName`: of the Token object that what was sent would have; undefined for somebody without one. Seconds to wait, or 0: go on. */
  admit(tokenName: string | undefined, source: Source, nowMs: number): number {
    if (tokenName !== undefined && this.#good.has(tokenName)) return this.#holders.admit(tokenName, nowMs);
    return this.#strangers.admit(source.key, nowMs);
  }

  /** The token is somebody's. */
  good(tokenName: string): void {
    this.#good.set(tokenName, true);
  }
}
