import { describe, expect, test } from "@jest/globals";
import { DEFAULT_LIMITS, LoginLimiter } from "./limiter.ts";

const start = new Date("2030-01-01T00:00:00Z").getTime();
const at = (seconds: number) => new Date(start + seconds * 1000);

describe("attack 36: brute force", () => {
  test("a source that keeps failing for a user waits longer each time, and the wait is bounded", () => {
    const limiter = new LoginLimiter({ ...DEFAULT_LIMITS, sourceBurst: 1000 });
    const waits: number[] = [];
    let now = 0;
    for (let round = 0; round < 20; round++) {
      now += limiter.admit("alice", "10.0.0.9", at(now));
      expect(limiter.admit("alice", "10.0.0.9", at(now))).toBe(0);
      limiter.failed("alice", "10.0.0.9", at(now));
      waits.push(limiter.admit("alice", "10.0.0.9", at(now)));
    }
    expect(waits).toEqual([...Array(9).fill(0), 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test("a stranger does not lock the victim out of his own source", () => {
    const limiter = new LoginLimiter();
    limiter.succeeded("alice", "10.0.0.1");
    for (let n = 0; n < 10_000; n++) limiter.failed("alice", `10.9.${n % 256}.${n % 251}`, at(0));
    expect(limiter.admit("alice", "10.0.0.1", at(0))).toBe(0);
  });

  test("a stranger with many sources is slowed for one user, and the user is free again after a while", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 10_000; n++) limiter.failed("alice", `source-${n}`, at(0));
    expect(limiter.admit("alice", "a new source", at(0))).toBe(30);
    expect(limiter.admit("alice", "a new source", at(30))).toBe(0);
    expect(limiter.admit("bob", "a new source", at(0))).toBe(0);
  });

  test("one source cannot try one password on many users", () => {
    const limiter = new LoginLimiter();
    let admitted = 0;
    while (limiter.admit(`user-${admitted}`, "10.0.0.9", at(0)) === 0) admitted++;
    expect(admitted).toBe(DEFAULT_LIMITS.sourceBurst);
    expect(limiter.admit("alice", "10.0.0.1", at(0))).toBe(0);
  });

  test("a success forgives earlier failures of that source", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 10; n++) limiter.failed("alice", "10.0.0.1", at(0));
    expect(limiter.admit("alice", "10.0.0.1", at(0))).toBe(1);
    limiter.succeeded("alice", "10.0.0.1");
    expect(limiter.admit("alice", "10.0.0.1", at(0))).toBe(0);
  });

  test("a user that does not exist is limited like one that does", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 12; n++) for (const user of ["alice", "nobody"]) limiter.failed(user, "10.0.0.9", at(0));
    expect(limiter.admit("nobody", "10.0.0.9", at(0))).toBe(limiter.admit("alice", "10.0.0.9", at(0)));
  });
});
