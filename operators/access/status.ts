// How a judgement about a binding becomes its condition.
import type { Judgement } from "../../lib/access/compile-binding.ts";
import type { Plan } from "../../lib/reconcile/contract.ts";

/** Timers hold 24 days at most, and clocks are set: whatever is further away is looked at again before. */
const LONGEST_WAIT_MS = 6 * 3600_000;

export function statusOf(type: string, judgement: Judgement, now: Date): Plan<never> {
  if (!judgement.accepted) {
    const { reason, message } = judgement;
    return { conditions: [{ type, status: "False", reason, message }], finalizer: "none" };
  }
  const again = until(judgement.subject.expiresAt, now, "the end date");
  return { conditions: [{ type, status: "True", reason: "Accepted", message: "" }], finalizer: "none", ...again };
}

/** When to look again for something that happens by the passing of time alone. */
export function until(end: string | undefined, now: Date, because: string): Pick<Plan<never>, "again"> {
  if (end === undefined) return {};
  return { again: { afterMs: Math.min(Math.max(Date.parse(end) - now.getTime(), 0), LONGEST_WAIT_MS), because } };
}
