import type { Condition } from "../kube/object.ts";
import type { ConditionIntent } from "./contract.ts";

/** Etcd and people both have limits; the CRDs allow as much as metav1.Condition does. */
const LONGEST_MESSAGE = 4096;

export interface Outcome {
  /** The conditions that the subject has now, of all owners. */
  readonly existing: readonly Condition[];
  readonly intents: readonly ConditionIntent[];
  readonly generation: number | undefined;
  readonly now: Date;
  /** False: what was wanted is not (all) done, and the generation must not count as observed. */
  readonly done: boolean;
}

/** The owned conditions as they are to be: with times only moved where the status changes, sorted by type. Pure. */
export function mergeConditions({ existing, intents, generation, now, done }: Outcome): Condition[] {
  return [...intents]
    .sort((a, b) => (a.type < b.type ? -1 : 1))
    .map((intent) => {
      const before = existing.find(({ type }) => type === intent.type);
      const observed = done ? generation : before?.observedGeneration;
      return {
        type: intent.type,
        status: intent.status,
        reason: intent.reason,
        message: intent.message.slice(0, LONGEST_MESSAGE),
        lastTransitionTime: before?.status === intent.status ? before.lastTransitionTime : timeOf(now),
        ...(observed === undefined ? {} : { observedGeneration: observed }),
      };
    });
}

/**
 * The conditions of a plan that could not be carried out: what would have been True is not known to be; everything else is
 * what was seen, and stays.
 */
export function afterFailure(intents: readonly ConditionIntent[], message: string): ConditionIntent[] {
  return intents.map((intent) =>
    intent.status === "True" ? { type: intent.type, status: "Unknown", reason: "ReconcileFailed", message } : intent,
  );
}

/** The conditions of a subject that could not even be observed. */
export function unobserved(types: readonly string[], message: string): ConditionIntent[] {
  return types.map((type) => ({ type, status: "Unknown", reason: "ReconcileFailed", message }));
}

/** As metav1.Time is written: whole seconds, UTC. */
export const timeOf = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
