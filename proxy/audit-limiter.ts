// How many refusals of unauthenticated clients get an audit line of their own. Anybody can cause them at any rate, so the lines are limited;
// the rest is counted, so that no attack stays hidden. Pure bookkeeping.
import { RateLimiter } from "../lib/server/rate.ts";

export interface AuditLimits {
  /** Lines at once, and per second, of one address and of all together. */
  readonly perSource: readonly [burst: number, perSecond: number];
  readonly all: readonly [burst: number, perSecond: number];
}

const LIMITS: AuditLimits = { perSource: [50, 1], all: [500, 20] };

export class AuditLimiter {
  readonly #perSource: RateLimiter;
  readonly #all: RateLimiter;
  readonly #suppressed = new Map<string, number>();

  constructor({ perSource, all }: AuditLimits = LIMITS) {
    this.#perSource = new RateLimiter(...perSource);
    this.#all = new RateLimiter(...all);
  }

  /** Whether this refusal gets a line; otherwise it is counted. `nowMs`: of any one clock. */
  admit(source: string, refusal: string, nowMs: number): boolean {
    // The address first: one address must not use up the lines of the others.
    if (this.#perSource.admit(source, nowMs) === 0 && this.#all.admit("", nowMs) === 0) return true;
    this.#suppressed.set(refusal, (this.#suppressed.get(refusal) ?? 0) + 1);
    return false;
  }

  /** How many refusals got no line since the last call, by refusal. */
  takeSuppressed(): readonly (readonly [refusal: string, count: number])[] {
    const suppressed = [...this.#suppressed];
    this.#suppressed.clear();
    return suppressed;
  }
}
