// Condition Ready: one answer for tools that wait (kubectl wait, and kstatus in Flux and Argo CD), out of an object's other conditions. Pure.
import type { Condition, Kind, KubeObject, ReadySummary } from "../kube/object.ts";
import type { ConditionIntent } from "./contract.ts";

export const READY = "Ready";

/** Reasons of Ready besides those of the conditions that it sums up. */
export const READY_REASONS = { Ready: "Ready", Pending: "Pending", Deleting: "Deleting" } as const;

/**
 * False when a condition that counts is False, else Unknown when one is Unknown or not reported yet, else True.
 * Reason and message are those of the condition that decides, so that nobody has to look further. When all hold, the message repeats what
 * they note. A condition that is not True for an intended reason counts as True, and gives its reason.
 */
export function summarize({ of, intended }: ReadySummary, conditions: readonly ConditionIntent[], deleting = false): ConditionIntent {
  const counted = of.flatMap((type) => conditions.find((one) => one.type === type) ?? []);
  const deciding = (status: ConditionIntent["status"]) => counted.find((one) => one.status === status && !intended.includes(one.reason));
  const wrong = deciding("False");
  if (deleting) return ready("False", READY_REASONS.Deleting, wrong?.message || "the object is being deleted");
  if (wrong !== undefined) return ready("False", wrong.reason, wrong.message || `condition ${wrong.type} is False`);
  const missing = of.find((type) => !counted.some((one) => one.type === type));
  if (missing !== undefined) return ready("Unknown", READY_REASONS.Pending, `condition ${missing} is not reported yet`);
  const unknown = deciding("Unknown");
  if (unknown !== undefined) return ready("Unknown", unknown.reason, unknown.message || `condition ${unknown.type} is Unknown`);
  const notes = counted.map(({ message }) => message).filter((message) => message !== "");
  return ready("True", counted.find(({ status }) => status !== "True")?.reason ?? READY_REASONS.Ready, notes.join("; "));
}

const ready = (status: ConditionIntent["status"], reason: string, message: string): ConditionIntent => ({
  type: READY,
  status,
  reason,
  message,
});

/** What condition Ready of its subject sums up, when this reconciler owns that condition. */
export const ownedSummary = (reconciler: {
  readonly subject: Kind<KubeObject>;
  readonly owns: { readonly conditions: readonly string[] };
}): ReadySummary | undefined => (reconciler.owns.conditions.includes(READY) ? reconciler.subject.ready : undefined);

/** The field of the status in which kstatus looks for the generation that Ready is about. */
export function observedGeneration(conditions: readonly Condition[]): { readonly observedGeneration?: number } {
  const observed = conditions.find(({ type }) => type === READY)?.observedGeneration;
  return observed === undefined ? {} : { observedGeneration: observed };
}
