import { expect, test } from "@jest/globals";
import { listOf } from "../lib/server/addresses.ts";
import { sourceOf } from "../lib/server/source.ts";
import { TokenLimiter } from "./token-limiter.ts";

const balancer = sourceOf("10.0.0.1", undefined, listOf(["10.0.0.1"]));

test("a flood of invented tokens does not use up what the holder of a valid token may ask from the same address", () => {
  const limiter = new TokenLimiter(10, 1);
  limiter.authenticated("t-alice");
  for (let n = 0; n < 100; n++) limiter.admit(`t-invented-${n}`, balancer, 0);
  expect(limiter.admit("t-invented", balancer, 0)).toBeGreaterThan(0);
  const waits = Array.from({ length: 11 }, () => limiter.admit("t-alice", balancer, 0));
  expect(waits).toEqual([...Array(10).fill(0), 1]);
});
