import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Condition } from "../kube/object.ts";
import { mergeConditions } from "./conditions.ts";
import type { ConditionIntent } from "./contract.ts";
import { observedGeneration, READY, summarize } from "./ready.ts";

const SUMMARY = { of: ["A", "B"], intended: ["Disabled"] };
type Said = readonly [status: Condition["status"], reason: string, message?: string];
const conditionsOf = (said: Readonly<Record<string, Said>>): ConditionIntent[] =>
  Object.entries(said).map(([type, [status, reason, message = ""]]) => ({ type, status, reason, message }));

const good: Said = ["True", "Good"];

test.each<[string, Readonly<Record<string, Said>>, Said]>([
  ["it is True when all that count are", { A: good, B: good }, ["True", "Ready", ""]],
  [
    "its message repeats what they note",
    { A: ["True", "Good", "x has no effect"], B: ["True", "Good", "nor has y"] },
    ["True", "Ready", "x has no effect; nor has y"],
  ],
  [
    "one that is False decides, with its reason and message",
    { A: good, B: ["False", "Gone", "s is gone"] },
    ["False", "Gone", "s is gone"],
  ],
  ["of two that are False the first one decides", { B: ["False", "Second", "2"], A: ["False", "First", "1"] }, ["False", "First", "1"]],
  [
    "False comes before Unknown",
    { A: ["Unknown", "Unreadable", "no answer"], B: ["False", "Gone", "s is gone"] },
    ["False", "Gone", "s is gone"],
  ],
  ["Unknown comes before True", { A: good, B: ["Unknown", "Unreadable", "no answer"] }, ["Unknown", "Unreadable", "no answer"]],
  ["False comes before one that is not reported yet", { B: ["False", "Gone", "s is gone"] }, ["False", "Gone", "s is gone"]],
  ["it is Unknown while one is not reported yet", { A: good }, ["Unknown", "Pending", "condition B is not reported yet"]],
  ["what does not count changes nothing", { A: good, B: good, C: ["False", "Bad", "c"] }, ["True", "Ready", ""]],
  [
    "what is False on purpose does not keep it from being True, and gives its reason",
    { A: ["False", "Disabled", "switched off"], B: good },
    ["True", "Disabled", "switched off"],
  ],
  [
    "what is False on purpose hides nothing else",
    { A: ["False", "Disabled"], B: ["False", "Gone", "s is gone"] },
    ["False", "Gone", "s is gone"],
  ],
  ["a condition without a message is named", { A: ["False", "Bad"], B: good }, ["False", "Bad", "condition A is False"]],
])("%s", (_, said, [status, reason, message]) => {
  expect(summarize(SUMMARY, conditionsOf(said))).toEqual({ type: READY, status, reason, message });
});

test("an object that is being deleted is not ready, and says what is in its way", () => {
  expect(summarize(SUMMARY, conditionsOf({ A: good, B: good }), true)).toMatchObject({ status: "False", reason: "Deleting" });
  expect(summarize(SUMMARY, conditionsOf({ A: ["False", "Held", "held by x"] }), true)).toMatchObject({
    reason: "Deleting",
    message: "held by x",
  });
});

const said = fc.record({
  status: fc.constantFrom<Condition["status"]>("True", "False", "Unknown"),
  reason: fc.constantFrom("X", "Y", "Disabled"),
  message: fc.constantFrom("", "m", "n"),
});
const conditions = fc.dictionary(fc.constantFrom("A", "B", "C"), said, { noNullPrototype: true });

test("whatever the conditions: True only when none that counts stands against it, and then only with a message that one of them has", () => {
  fc.assert(
    fc.property(conditions, (all) => {
      const list = Object.entries(all).map(([type, one]) => ({ type, ...one }));
      const { status, message } = summarize(SUMMARY, list);
      const counted = SUMMARY.of.map((type) => list.find((one) => one.type === type));
      const holds = (one: ConditionIntent | undefined): boolean =>
        one?.status === "True" || (one !== undefined && one.reason === "Disabled");
      expect(status === "True").toBe(counted.every(holds));
      expect(status === "False").toBe(counted.some((one) => one?.status === "False" && !holds(one)));
      if (status !== "True") expect(message).not.toBe("");
      expect(summarize(SUMMARY, [...list].reverse())).toEqual(summarize(SUMMARY, list));
    }),
  );
});

describe("with the conditions of an object", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const existing = (type: string, generation?: number): Condition => ({
    ...{ type, status: "True", reason: "Good", message: "", lastTransitionTime: "2020-01-01T00:00:00Z" },
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  });
  const merge = (others: readonly Condition[], done = true, generation = 2) =>
    mergeConditions({
      ...{ existing: others, intents: [{ type: "A", status: "True", reason: "Good", message: "" }], generation, now, done },
      ready: SUMMARY,
    });

  test("it is about a generation once each condition is that it sums up, whoever writes them", () => {
    expect(observedGeneration(merge([existing("B", 2)]))).toEqual({ observedGeneration: 2 });
    expect(observedGeneration(merge([existing("B", 1)]))).toEqual({ observedGeneration: 1 });
    expect(observedGeneration(merge([existing("B")]))).toEqual({});
    expect(observedGeneration(merge([existing("A", 1), existing("B", 2)], false))).toEqual({ observedGeneration: 1 });
    expect(observedGeneration(merge([]))).toEqual({});
  });

  test("only its owner's write carries it, and its time moves only with its status", () => {
    const first = merge([existing("B", 2)]);
    expect(first.map(({ type }) => type)).toEqual(["A", "Ready"]);
    const again = mergeConditions({
      ...{ existing: [...first, existing("B", 2)], intents: [{ type: "A", status: "True", reason: "Good", message: "" }], generation: 2 },
      ...{ now: new Date("2026-02-01T00:00:00Z"), done: true, ready: SUMMARY },
    });
    expect(again).toEqual(first);
  });
});
