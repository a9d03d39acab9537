import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { MinuteBudget } from "./minute-budget.ts";

const PER_MINUTE = 60_000;

test("four minutes' worth can be spent at once, and no more until some has come back", () => {
  const budget = new MinuteBudget(PER_MINUTE);
  budget.spend("east", 0, 4 * PER_MINUTE - 1);
  expect(budget.isSpent("east", 0)).toBe(false);
  budget.spend("east", 0, 10);
  expect(budget.isSpent("east", 0)).toBe(true);
  expect(budget.isSpent("east", 9)).toBe(true);
  expect(budget.isSpent("east", 10)).toBe(false);
});

test("one cluster's use is none of another's", () => {
  const budget = new MinuteBudget(PER_MINUTE);
  budget.spend("east", 0, 100 * PER_MINUTE);
  expect(budget.isSpent("east", 60_000)).toBe(true);
  expect(budget.isSpent("west", 60_000)).toBe(false);
});

test("a client that asks before each use gets no more than the burst, what came back since, and one use", () => {
  const uses = fc.array(fc.record({ pauseMs: fc.nat(5_000), bytes: fc.nat(64 * 1024) }), { maxLength: 200 });
  fc.assert(
    fc.property(uses, (all) => {
      const budget = new MinuteBudget(PER_MINUTE);
      let now = 0;
      let used = 0;
      for (const { pauseMs, bytes } of all) {
        now += pauseMs;
        if (budget.isSpent("east", now)) continue;
        budget.spend("east", now, bytes);
        used += bytes;
      }
      expect(used).toBeLessThanOrEqual(4 * PER_MINUTE + now + 64 * 1024);
    }),
  );
});
