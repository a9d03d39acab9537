// How the evaluation of a binding becomes its condition.
import type { Evaluation } from "../../lib/access/compile-binding.ts";
import type { Gap } from "../../lib/access/guard-history.ts";
import type { Plan } from "../../lib/reconcile/contract.ts";

/** Timers hold 24 days at most, and clocks are set: what is further away is reconciled before then as well. */
const LONGEST_WAIT_MS = 6 * 3600_000;

export function statusOf(type: string, evaluation: Evaluation, now: Date, gaps: readonly Gap[]): Plan<never> {
  if (!evaluation.accepted) {
    const { reason, message } = evaluation;
    const isLasting = reason === "WrittenUnguarded" && gaps.some(({ until }) => until === undefined);
    const look = isLasting ? { requeueAfter: { ms: GUARDS_RETRY_MS, because: "the guards may be in force again" } } : {};
    return { conditions: [{ type, status: "False", reason, message }], finalizer: "none", ...look };
  }
  const requeue = until(evaluation.subject.expiresAt, now, "the end date");
  return { conditions: [{ type, status: "True", reason: "Accepted", message: "" }], finalizer: "none", ...requeue };
}

/** How soon what waits for the guards is reconciled. When they are back everything is enqueued (hub-guards.ts); the reason why they are not may change before. */
export const GUARDS_RETRY_MS = 30_000;

/** When to reconcile what changes by the passing of time alone. */
export function until(end: string | undefined, now: Date, because: string): Pick<Plan<never>, "requeueAfter"> {
  if (end === undefined) return {};
  return { requeueAfter: { ms: Math.min(Math.max(Date.parse(end) - now.getTime(), 0), LONGEST_WAIT_MS), because } };
}
