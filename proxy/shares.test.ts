import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isLongRunning } from "./long-running.ts";
import { Shares } from "./shares.ts";

const CAPACITY = 2_000;
const east = (user: string, longRunning: boolean) => ({ cluster: "east", user, longRunning });

/** Takes all that the user gets. */
function takeAll(shares: Shares, user: string, longRunning: boolean): number {
  for (let taken = 0; ; taken++) if (typeof shares.take(east(user, longRunning)) === "string") return taken;
}

describe("users who open all the watches they can", () => {
  test("get a fifth of what watches may have when they are alone", () => {
    const shares = new Shares(CAPACITY);
    expect(takeAll(shares, "greedy", true)).toBe(320);
    expect(shares.take(east("greedy", true))).toMatch(
      /^User "greedy" has 320 watches and streams open in the cluster "east", the most that one user may have at the moment/,
    );
  });

  test("do not lock out the next, be they four or twenty", () => {
    const shares = new Shares(CAPACITY);
    for (let n = 0; n < 20; n++) {
      expect(takeAll(shares, `watcher-${n}`, true)).toBeGreaterThan(0);
      expect(typeof shares.take(east(`other-${n}`, false))).toBe("function");
    }
  });

  test("leave the reserve to requests that end, their own included", () => {
    const shares = new Shares(CAPACITY);
    let watches = 0;
    for (let n = 0; n < 3_000; n++) watches += takeAll(shares, `watcher-${n}`, true);
    expect(watches).toBe(1_600);
    expect(shares.take(east("somebody", true))).toMatch(/carries as many watches and streams as it may; requests that end/);
    expect(takeAll(shares, "watcher-0", false)).toBeGreaterThanOrEqual(50);
    expect(typeof shares.take(east("somebody", false))).toBe("function");
  });

  test("take nothing from other clusters", () => {
    const shares = new Shares(CAPACITY);
    takeAll(shares, "greedy", true);
    expect(typeof shares.take({ cluster: "west", user: "greedy", longRunning: true })).toBe("function");
  });
});

test("no more is ever open than the tunnel carries, and what is given back is free again", () => {
  const step = fc.record({ user: fc.constantFrom("a", "b", "c", "d"), longRunning: fc.boolean(), back: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer({ min: 1, max: 60 }), (steps, carries) => {
      const shares = new Shares(carries);
      const open: (() => void)[] = [];
      for (const { user, longRunning, back } of steps) {
        if (back) {
          const leave = open.shift();
          leave?.();
          leave?.();
          continue;
        }
        const taken = shares.take(east(user, longRunning));
        if (typeof taken !== "string") open.push(taken);
        expect(open.length).toBeLessThanOrEqual(carries);
      }
      for (const leave of open) leave();
      const fresh = new Shares(carries);
      expect(takeAll(shares, "last", false)).toBe(takeAll(fresh, "last", false));
    }),
  );
});

test.each<[string, string | undefined, boolean]>([
  ["/api/v1/namespaces/a/pods", undefined, false],
  ["/api/v1/namespaces/a/pods?watch=1", undefined, true],
  ["/api/v1/pods?limit=1&watch=true", undefined, true],
  ["/api/v1/pods?%77atch=true", undefined, true],
  ["/api/v1/pods?watch", undefined, true],
  ["/api/v1/pods?watch=false", undefined, false],
  ["/api/v1/pods?watch=0", undefined, false],
  ["/api/v1/watch/pods", undefined, true],
  ["/apis/apps/v1/watch/namespaces/a/deployments", undefined, true],
  ["/api/v1/namespaces/a/pods/p/log", undefined, true],
  ["/api/v1/namespaces/a/pods/p/log?follow=true", undefined, true],
  ["/api/v1/namespaces/a/pods/p/l%6fg", undefined, true],
  ["/api/v1/%77atch/pods", undefined, true],
  ["/%61pi/v1/watch/pods", undefined, true],
  ["/api/v1/%6eamespaces/a/pods/p/log", undefined, true],
  ["/api/v1/namespaces/a%2Fpods/p/log", undefined, true],
  ["/api/v1/proxy/namespaces/a/pods/p", undefined, true],
  ["/api/v1/namespaces/a/pods/p%2Flog", undefined, true],
  ["/api/v1/namespaces/a/pods/100%", undefined, false],
  ["/api/v1/namespaces/a/pods/p/exec?command=ls", "websocket", true],
  ["/api/v1/namespaces/a/services/s/proxy/events", undefined, true],
  ["/api/v1/nodes/n/proxy/logs/", undefined, true],
  ["/api/v1/namespaces/a/pods/log", undefined, false],
  ["/api/v1/namespaces/a/configmaps/proxy", undefined, false],
  ["/apis/apps/v1/namespaces/a/deployments/d/scale", undefined, false],
  ["/api/v1/namespaces/proxy", undefined, false],
  ["/openapi/v2", undefined, false],
  ["/", undefined, false],
])("%s (upgrade: %s) may last for ever: %s", (path, upgrade, expected) => {
  expect(isLongRunning(path, upgrade)).toBe(expected);
});
