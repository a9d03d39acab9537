import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { fullJitterMs, pause } from "./backoff.ts";

test("the delay lies between nothing and the doubled base, and never above the cap", () => {
  fc.assert(
    fc.property(
      fc.nat(5_000),
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      (attempt, baseMs, capMs, random) => {
        const ms = fullJitterMs(attempt, { baseMs, capMs }, () => random);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(capMs);
        if (attempt < 20) expect(ms).toBeLessThanOrEqual(baseMs * 2 ** attempt);
      },
    ),
  );
});

test("the jitter is full: small and large random numbers give small and large delays", () => {
  expect(fullJitterMs(3, { baseMs: 100, capMs: 10_000 }, () => 0)).toBe(0);
  expect(fullJitterMs(3, { baseMs: 100, capMs: 10_000 }, () => 0.5)).toBe(400);
  expect(fullJitterMs(30, { baseMs: 100, capMs: 10_000 }, () => 0.999)).toBe(9990);
});

test("a pause ends when its signal aborts, also when it had aborted before", async () => {
  const stop = new AbortController();
  const paused = pause(3_600_000, stop.signal);
  stop.abort();
  await paused;
  await pause(3_600_000, stop.signal);
});
