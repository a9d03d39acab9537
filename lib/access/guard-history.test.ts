import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CONFIRMED, type GuardHistory, NO_HISTORY, readHistory, seenInForce, seenMissing, unguarded } from "./guard-history.ts";

const at = (seconds: number): Date => new Date(Date.UTC(2026, 5, 1) + seconds * 1000);
const text = (seconds: number): string => at(seconds).toISOString().replace(".000Z", "Z");
const written = (seconds: number, more: object = {}) => ({ name: "b", creationTimestamp: text(seconds), ...more });
const first = seenInForce(NO_HISTORY, "guards", at(100), "a");

describe("when the guards were not in force is remembered", () => {
  test("before they were ever seen nothing is held: whoever installs Drover writes bindings first", () => {
    expect(first).toEqual({ guards: "guards", confirmedAt: text(100), gaps: [] });
    expect(seenMissing(NO_HISTORY, at(50), true)).toEqual(NO_HISTORY);
  });

  test("from a moment before it was noticed until they are back", () => {
    const missing = seenMissing(seenMissing(first, at(200), true), at(210), true);
    expect(missing.gaps).toEqual([{ from: text(198) }]);
    expect(seenInForce(missing, "guards", at(220), "b").gaps).toEqual([{ from: text(198), until: text(220), id: "b" }]);
  });

  test("also when nobody looked: guards that are other objects now, or were changed, were away since they were last seen", () => {
    expect(seenInForce(first, "others", at(500), "b").gaps).toEqual([{ from: text(100), until: text(500), id: "b" }]);
    expect(seenInForce(first, "guards", at(500), "b").gaps).toEqual([]);
  });

  test("guards that are away when a process first looks were away since they were last seen", () => {
    expect(seenMissing(first, at(500), false).gaps).toEqual([{ from: text(100) }]);
    expect(seenMissing(NO_HISTORY, at(500), false).gaps).toEqual([]);
  });

  test("what cannot be read is no empty history", () => {
    expect(readHistory(undefined)).toEqual(NO_HISTORY);
    expect(readHistory(JSON.stringify(first))).toEqual(first);
    for (const broken of ["", "{", "{}", '{"gaps":[{"from":"soon"}]}', "null"]) expect(readHistory(broken)).toBeUndefined();
  });

  test("over random looks every second without guards lies in a gap, and gaps beyond the limit are joined rather than forgotten", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 1200 }), (looks) => {
        let history: GuardHistory = first;
        for (const [n, inForce] of looks.entries())
          history = inForce ? seenInForce(history, "guards", at(110 + n * 10), `g${n}`) : seenMissing(history, at(110 + n * 10), true);
        expect(history.gaps.length).toBeLessThanOrEqual(501);
        for (const [n, inForce] of looks.entries()) if (!inForce) expect(unguarded(written(110 + n * 10), history.gaps)).toBeDefined();
      }),
      { numRuns: 30 },
    );
  });
});

describe("a binding written then", () => {
  const gaps = [{ from: text(198), until: text(220), id: "secret" }, { from: text(300) }];
  test.each<[string, object, boolean]>([
    ["before it counts", written(197), false],
    ["in its first second does not", written(198), true],
    ["in its last second does not", written(220), true],
    ["after it counts", written(221), false],
    ["while it lasts does not", written(301), true],
    ["is held also when it was only changed then", written(10, { managedFields: [{ manager: "kubectl", time: text(210) }] }), true],
    [
      "counts when only its status was written then",
      written(10, { managedFields: [{ manager: "x", subresource: "status", time: text(210) }] }),
      false,
    ],
    ["counts once somebody confirmed it", written(210, { annotations: { [CONFIRMED]: "secret" } }), false],
    ["does not count by a guess", written(210, { annotations: { [CONFIRMED]: "true" } }), true],
    ["cannot be confirmed before it is over", written(301, { annotations: { [CONFIRMED]: "undefined" } }), true],
  ])("%s", (_, metadata, held) => {
    expect(unguarded(metadata as ReturnType<typeof written>, gaps) !== undefined).toBe(held);
  });
});
