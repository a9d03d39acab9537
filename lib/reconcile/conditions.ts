import { type Condition, type ReadySummary, timeOf } from "../kube/object.ts";
import type { ConditionIntent } from "./contract.ts";
import { summarize } from "./ready.ts";

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
  /** Where the writer owns condition Ready: what it sums up. */
  readonly ready?: ReadySummary | undefined;
  /**
   * The subject is being deleted: of the conditions that the writer owns (`owned`), those without an intent stay as reported. What the subject
   * was made of goes before it, and that says nothing new about it.
   */
  readonly deleting?: boolean;
  readonly owned?: readonly string[];
}

/**
 * The owned conditions as they are to be, Ready among them where the writer owns it: with times only moved where the status changes,
 * sorted by type. Pure.
 */
export function mergeConditions(outcome: Outcome): Condition[] {
  const { existing, generation, done, deleting = false, owned = [] } = outcome;
  const own = outcome.intents.map((intent) => {
    const observed = done ? generation : existing.find(({ type }) => type === intent.type)?.observedGeneration;
    return merged(intent, observed, outcome);
  });
  const conditions = [...own, ...readyOf(own, outcome)];
  const isLeft = ({ type }: Condition): boolean => owned.includes(type) && !conditions.some((one) => one.type === type);
  const left = deleting ? existing.filter(isLeft) : [];
  return [...conditions, ...left].sort((a, b) => (a.type < b.type ? -1 : 1));
}

function merged({ type, status, reason, message }: ConditionIntent, observed: number | undefined, { existing, now }: Outcome): Condition {
  const before = existing.find((one) => one.type === type);
  return {
    ...{ type, status, reason, message: message.slice(0, LONGEST_MESSAGE) },
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : timeOf(now),
    ...(observed === undefined ? {} : { observedGeneration: observed }),
  };
}

/** It is about a generation once all that it sums up is. */
function readyOf(own: readonly Condition[], outcome: Outcome): Condition[] {
  const { ready, existing, deleting = false } = outcome;
  if (ready === undefined) return [];
  const counted = ready.of.map((type) => own.find((one) => one.type === type) ?? existing.find((one) => one.type === type));
  const generations = counted.map((one) => one?.observedGeneration);
  const observed = generations.includes(undefined) ? undefined : Math.min(...(generations as number[]));
  return [
    merged(
      summarize(
        ready,
        counted.filter((one) => one !== undefined),
        deleting,
      ),
      observed,
      outcome,
    ),
  ];
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
