// How often tokens may be presented. Pure bookkeeping, the caller brings the time.
// A token that was valid before has a rate of its own, so that clients with invented tokens at the same address cannot use it up.
import { RateLimiter } from "../lib/server/rate.ts";
import { RecentMap } from "../lib/server/recent-map.ts";
import type { Source } from "../lib/server/source.ts";

export class TokenLimiter {
  readonly #bySource: RateLimiter;
  readonly #byToken: RateLimiter;
  readonly #valid = new RecentMap<true>();

  constructor(burst: number, perSecond: number) {
    [this.#bySource, this.#byToken] = [new RateLimiter(burst, perSecond), new RateLimiter(burst, perSecond)];
  }

  /** `tokenName`: the name of the Token object that the bearer token would have; undefined without a token. Seconds to wait; 0: go on. */
  admit(tokenName: string | undefined, source: Source, nowMs: number): number {
    if (tokenName !== undefined && this.#valid.has(tokenName)) return this.#byToken.admit(tokenName, nowMs);
    return this.#bySource.admit(source.key, nowMs);
  }

  /** The token is valid. */
  authenticated(tokenName: string): void {
    this.#valid.set(tokenName, true);
  }
}
