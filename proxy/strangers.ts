// Refusals of people whom nobody knows: how many of them get a line of their own in the audit record, and what is said of the others.
// Anybody can cause them, at any rate, so what they write must be bounded; that they were there must not be hidden. Pure bookkeeping.
import { RateLimiter } from "../lib/limits/rate.ts";

export interface StrangerLimits {
  /** Lines at once, and per second, of one address and of all together. */
  readonly perSource: readonly [burst: number, perSecond: number];
  readonly all: readonly [burst: number, perSecond: number];
}

const LIMITS: StrangerLimits = { perSource: [50, 1], all: [500, 20] };

export class Strangers {
  readonly #perSource: RateLimiter;
  readonly #all: RateLimiter;
  readonly #untold = new Map<string, number>();

  constructor({ perSource, all }: StrangerLimits = LIMITS) {
    this.#perSource = new RateLimiter(...perSource);
    this.#all = new RateLimiter(...all);
  }

  /** Whether this one gets a line; otherwise it is counted. `nowMs`: of any one clock. */
  tell(source: string, refusal: string, nowMs: number): boolean {
    // The address first: one that knocks all the time must not use up the lines of the others.
    if (this.#perSource.admit(source, nowMs) === 0 && this.#all.admit("", nowMs) === 0) return true;
    this.#untold.set(refusal, (this.#untold.get(refusal) ?? 0) + 1);
    return false;
  }

  /** How many were only counted since the last call, by refusal. */
  takeUntold(): readonly (readonly [refusal: string, count: number])[] {
    const untold = [...this.#untold];
    this.#untold.clear();
    return untold;
  }
}
