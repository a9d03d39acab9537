// How many bytes each cluster's agent may have in a minute. Pure bookkeeping: the caller brings the time.
import { RecentMap } from "../../lib/server/rate.ts";

/** What may be used at once after a pause, in minutes' worth: an agent that starts sends and reads more than one that runs. */
const BURST_MINUTES = 4;

/** How much is used is often known only afterwards, so what is left may fall below nothing; then it takes longer until there is some. */
export class MinuteBudget {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #left = new RecentMap<{ readonly bytes: number; readonly at: number }>();

  constructor(bytesPerMinute: number) {
    this.#perMs = bytesPerMinute / 60_000;
    this.#burst = bytesPerMinute * BURST_MINUTES;
  }

  /** `nowMs`: milliseconds of any one clock. */
  isSpent(key: string, nowMs: number): boolean {
    return this.#now(key, nowMs) <= 0;
  }

  spend(key: string, nowMs: number, bytes: number): void {
    this.#left.set(key, { bytes: this.#now(key, nowMs) - bytes, at: nowMs });
  }

  #now(key: string, nowMs: number): number {
    const last = this.#left.get(key);
    return last === undefined ? this.#burst : Math.min(this.#burst, last.bytes + Math.max(0, nowMs - last.at) * this.#perMs);
  }
}
