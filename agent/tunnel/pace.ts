// How long to wait before the next dial: a function of what happened before, and of randomness.
import { type BackoffLimits, fullJitterMs } from "../../lib/kube/backoff.ts";

/** After a dial that failed, or a tunnel that did not last. */
const FAILED: BackoffLimits = { baseMs: 100, capMs: 10_000 };
/**
 * After a dial that reached a replica which has a tunnel already, because a load balancer chooses: it may choose the missing one next
 * time, or never. A replica that was killed counts for another half minute, and in that time a thousand agents behind one address must not
 * use up what that address may dial.
 */
const COVERED: BackoffLimits = { baseMs: 8_000, capMs: 300_000 };

export interface Pace {
  /** Times in a row. */
  readonly failed: number;
  readonly covered: number;
}

export function pauseMs({ failed, covered }: Pace, random: () => number = Math.random): number {
  if (failed > 0) return fullJitterMs(failed - 1, FAILED, random);
  return covered > 0 ? fullJitterMs(covered - 1, COVERED, random) : 0;
}
