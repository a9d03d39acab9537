import { expect, test } from "@jest/globals";
import { RateLimiter } from "./rate.ts";

test("a rate refills with time, up to its burst", () => {
  const limiter = new RateLimiter(2, 0.5);
  expect([0, 0, 0].map((ms) => limiter.admit("east", ms))).toEqual([0, 0, 2]);
  expect(limiter.admit("east", 2_000)).toBe(0);
  expect([1, 2, 3].map(() => limiter.admit("east", 60_000))).toEqual([0, 0, 2]);
});

test("one key does not use up another's, and a clock that goes back gives nothing", () => {
  const limiter = new RateLimiter(1, 1);
  expect(limiter.admit("east", 1_000)).toBe(0);
  expect(limiter.admit("west", 1_000)).toBe(0);
  expect(limiter.admit("east", 0)).toBe(1);
});

test("invented keys make room for each other", () => {
  const limiter = new RateLimiter(1, 1);
  limiter.admit("first", 0);
  for (let n = 0; n < 20_000; n++) limiter.admit(`invented-${n}`, 0);
  expect(limiter.admit("first", 0)).toBe(0);
});
