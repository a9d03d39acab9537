import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Condition } from "../kube/object.ts";
import { afterFailure, mergeConditions, unobserved } from "./conditions.ts";
import type { ConditionIntent } from "./contract.ts";
import { EventAllowance, transitions } from "./events.ts";

const early = new Date("2026-01-01T00:00:00.123Z");
const late = new Date("2026-01-02T00:00:00Z");
const intent = (status: Condition["status"], reason = "R", message = "m"): ConditionIntent => ({ type: "Ready", status, reason, message });
const merged = (existing: readonly Condition[], intents: readonly ConditionIntent[], now: Date, generation = 1, done = true) =>
  mergeConditions({ existing, intents, generation, now, done });

const status = fc.constantFrom<Condition["status"]>("True", "False", "Unknown");
const intents = fc.uniqueArray(
  fc.record({ type: fc.constantFrom("A", "B", "C"), status, reason: fc.constantFrom("X", "Y"), message: fc.string() }),
  { selector: ({ type }) => type },
);

test("the time of a condition moves only when its status changes", () => {
  const first = merged([], [intent("False")], early);
  expect(first[0]?.lastTransitionTime).toBe("2026-01-01T00:00:00Z");
  const second = merged(first, [intent("False", "Other", "other")], late);
  expect(second[0]).toMatchObject({ reason: "Other", message: "other", lastTransitionTime: "2026-01-01T00:00:00Z" });
  expect(merged(second, [intent("True")], late)[0]?.lastTransitionTime).toBe("2026-01-02T00:00:00Z");
});

test("merging the same intents again changes nothing, whenever and in whatever order", () => {
  fc.assert(
    fc.property(intents, (wanted) => {
      const first = merged([], wanted, early);
      expect(merged(first, [...wanted].reverse(), late)).toEqual(first);
      expect(transitions(first, merged(first, wanted, late))).toEqual([]);
    }),
  );
});

test("a generation counts as observed only when what it wants was done", () => {
  const first = merged([], [intent("True")], early, 1);
  expect(merged(first, [intent("True")], late, 2, false)[0]?.observedGeneration).toBe(1);
  expect(merged(first, [intent("True")], late, 2, true)[0]?.observedGeneration).toBe(2);
  expect(merged([], [intent("True")], late, 2, false)[0]).not.toHaveProperty("observedGeneration");
});

test("conditions of other owners are neither taken over nor touched", () => {
  const foreign: Condition = { type: "Other", status: "True", reason: "R", message: "", lastTransitionTime: "2020-01-01T00:00:00Z" };
  expect(merged([foreign], [intent("True")], early).map(({ type }) => type)).toEqual(["Ready"]);
});

test("of a subject that is being deleted, what its owner has nothing to say about stays as it was reported", () => {
  const [reported] = merged([], [{ ...intent("True"), type: "Registered" }], early, 1);
  const outcome = { existing: [reported as Condition], intents: [intent("False")], generation: 2, now: late, done: true };
  const owned = ["Ready", "Registered"];
  expect(mergeConditions({ ...outcome, owned, deleting: true })).toContainEqual(reported);
  expect(mergeConditions({ ...outcome, owned: ["Ready"], deleting: true }).map(({ type }) => type)).toEqual(["Ready"]);
  expect(mergeConditions({ ...outcome, owned }).map(({ type }) => type)).toEqual(["Ready"]);
});

test("after a failure nothing is called True, and what was seen to be wrong stays", () => {
  const failed = afterFailure([intent("True"), { ...intent("False", "Refused", "why"), type: "Other" }], "boom");
  expect(failed).toEqual([
    { type: "Ready", status: "Unknown", reason: "ReconcileFailed", message: "boom" },
    { type: "Other", status: "False", reason: "Refused", message: "why" },
  ]);
  expect(unobserved(["A"], "boom")).toEqual([{ type: "A", status: "Unknown", reason: "ReconcileFailed", message: "boom" }]);
});

test("a message longer than etcd should hold is cut", () => {
  expect(merged([], [intent("False", "R", "x".repeat(100_000))], early)[0]?.message).toHaveLength(4096);
});

test("an event comes from a new status or reason, not from a new message", () => {
  const before = merged([], [intent("False", "A", "1 of 3")], early);
  expect(transitions(before, merged(before, [intent("False", "A", "2 of 3")], late))).toEqual([]);
  expect(transitions(before, merged(before, [intent("False", "B")], late))).toHaveLength(1);
  expect(transitions([], before)).toHaveLength(1);
});

test("a subject that flaps causes a dozen events at once and then one now and then; another is not held back by it", () => {
  let now = 0;
  const allowance = new EventAllowance(() => now);
  const taken = (subject: string, times: number): number =>
    Array.from({ length: times }, () => allowance.take(subject)).filter(Boolean).length;
  expect(taken("a", 100)).toBe(12);
  expect(taken("b", 1)).toBe(1);
  now += 60_000;
  expect(taken("a", 100)).toBe(2);
  now += 24 * 3_600_000;
  expect(taken("a", 100)).toBe(12);
});
