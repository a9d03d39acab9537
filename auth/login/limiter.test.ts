import { describe, expect, test } from "@jest/globals";
import { listOf } from "../../lib/server/addresses.ts";
import { sourceOf } from "../../lib/server/source.ts";
import { DEFAULT_LIMITS, LoginLimiter } from "./limiter.ts";

const start = new Date("2030-01-01T00:00:00Z").getTime();
const from = (address: string) => sourceOf(address, undefined, listOf([]));
const balancer = sourceOf("10.0.0.1", undefined, listOf(["10.0.0.1"]));
const at = (seconds: number) => new Date(start + seconds * 1000);

describe("brute force", () => {
  test("a source that keeps failing for a user waits longer each time, and the wait is bounded", () => {
    const limiter = new LoginLimiter({ ...DEFAULT_LIMITS, sourceBurst: 1000 });
    const waits: number[] = [];
    let now = 0;
    for (let round = 0; round < 20; round++) {
      now += limiter.admit("alice", from("10.0.0.9"), at(now));
      expect(limiter.admit("alice", from("10.0.0.9"), at(now))).toBe(0);
      limiter.failed("alice", from("10.0.0.9"), at(now), true);
      waits.push(limiter.admit("alice", from("10.0.0.9"), at(now)));
    }
    expect(waits).toEqual([...Array(9).fill(0), 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test("an attacker does not lock the victim out at the victim's own source", () => {
    const limiter = new LoginLimiter();
    limiter.succeeded("alice", from("10.0.0.1"));
    for (let n = 0; n < 10_000; n++) limiter.failed("alice", from(`10.9.${n % 256}.${n % 251}`), at(0), true);
    expect(limiter.admit("alice", from("10.0.0.1"), at(0))).toBe(0);
  });

  test("an attacker with many sources is slowed down for one user, and the user is free again after a while", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 10_000; n++) limiter.failed("alice", from(`source-${n}`), at(0), true);
    expect(limiter.admit("alice", from("a new source"), at(0))).toBe(30);
    expect(limiter.admit("alice", from("a new source"), at(30))).toBe(0);
    expect(limiter.admit("bob", from("a new source"), at(0))).toBe(0);
  });

  test("one source cannot try one password on many users", () => {
    const limiter = new LoginLimiter();
    let admitted = 0;
    while (limiter.admit(`user-${admitted}`, from("10.0.0.9"), at(0)) === 0) admitted++;
    expect(admitted).toBe(DEFAULT_LIMITS.sourceBurst);
    expect(limiter.admit("alice", from("10.0.0.1"), at(0))).toBe(0);
  });

  test("a success clears earlier failures of that source", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 10; n++) limiter.failed("alice", from("10.0.0.1"), at(0), true);
    expect(limiter.admit("alice", from("10.0.0.1"), at(0))).toBe(1);
    limiter.succeeded("alice", from("10.0.0.1"));
    expect(limiter.admit("alice", from("10.0.0.1"), at(0))).toBe(0);
  });

  test("a user that does not exist is limited like one that does", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 12; n++) for (const user of ["alice", "nobody"]) limiter.failed(user, from("10.0.0.9"), at(0), true);
    expect(limiter.admit("nobody", from("10.0.0.9"), at(0))).toBe(limiter.admit("alice", from("10.0.0.9"), at(0)));
  });

  test("behind a load balancer that names no client, the failures of all for one user are limited, and stop no other user", () => {
    const limiter = new LoginLimiter();
    limiter.succeeded("alice", balancer);
    expect(limiter.isProven("alice", balancer)).toBe(false);
    for (let n = 0; n < DEFAULT_LIMITS.userBurst; n++) {
      expect(limiter.admit("alice", balancer, at(0))).toBe(0);
      limiter.failed("alice", balancer, at(0), true);
    }
    expect(limiter.admit("alice", balancer, at(0))).toBe(30);
    expect(limiter.admit("bob", balancer, at(0))).toBe(0);
    // Other ways in are not affected.
    expect(limiter.admit("alice", from("192.0.2.1"), at(0))).toBe(0);
  });

  test("a user name that begins with a load balancer's address does not use up what may be tried behind it", () => {
    const limiter = new LoginLimiter();
    for (let n = 0; n < 1000; n++) limiter.failed("10.0.0.1 alice", from(`192.0.2.${n % 250}`), at(0), false);
    expect(limiter.admit("alice", balancer, at(0))).toBe(0);
  });

  test("twenty thousand invented user names do not make the limiter forget what was tried for a real one", () => {
    const limiter = new LoginLimiter({ ...DEFAULT_LIMITS, sourceBurst: 1e6 });
    for (let n = 0; n < DEFAULT_LIMITS.userBurst; n++) limiter.failed("alice", from(`10.1.0.${n}`), at(0), true);
    for (let n = 0; n < 12; n++) limiter.failed("bob", from("10.0.0.9"), at(0), true);
    for (let n = 0; n < 25_000; n++) {
      limiter.admit(`invented-${n}`, from("10.0.0.9"), at(0));
      limiter.failed(`invented-${n}`, from("10.0.0.9"), at(0), false);
    }
    expect(limiter.admit("alice", from("10.9.9.9"), at(0))).toBe(30);
    expect(limiter.admit("bob", from("10.0.0.9"), at(0))).toBeGreaterThan(0);
  });
});
