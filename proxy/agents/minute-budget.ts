// How many bytes the agent of each cluster may send or receive in a minute. Pure bookkeeping, the caller brings the time.
import { RecentMap } from "../../lib/server/recent-map.ts";

/** How many minutes' worth may be used at once after a pause: an agent that starts sends and reads more than later. */
const BURST_MINUTES = 4;

/** The bytes are often known only afterwards, so the rest may fall below zero; it then takes longer until some is left. */
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
