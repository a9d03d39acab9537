import { expect, test } from "@jest/globals";
import { DIALS_BURST, DIALS_PER_SECOND } from "../../lib/tunnel/handshake.ts";
import { pauseMs } from "./pace.ts";

/** Repeatable randomness. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

test.each([0, 1, 2, 3, 4])(
  "a thousand agents behind one address, whom a balancer never gives the missing replica, are not refused (%i)",
  (seed) => {
    const dials: number[] = [];
    const next = random(seed);
    for (let agent = 0; agent < 1_000; agent++) {
      // All lose the tunnel at the same moment, dial at once, and go on for an hour.
      let at = 0;
      for (let covered = 1; at < 3_600_000; covered++) {
        dials.push(at);
        at += pauseMs({ failed: 0, covered }, next);
      }
    }
    // The proxy's token bucket.
    let [left, before] = [DIALS_BURST, 0];
    const refused = dials
      .sort((a, b) => a - b)
      .filter((at) => {
        left = Math.min(DIALS_BURST, left + ((at - before) / 1000) * DIALS_PER_SECOND) - 1;
        before = at;
        return left < 0;
      });
    expect(refused).toEqual([]);
    expect(dials.filter((at) => at > 1_800_000).length / 1_800).toBeLessThan(10);
  },
);

test("the first dial is at once, and one that fails is repeated soon", () => {
  const most = () => 0.999999;
  expect(pauseMs({ failed: 0, covered: 0 }, most)).toBe(0);
  expect([1, 2, 3, 20].map((failed) => pauseMs({ failed, covered: 0 }, most))).toEqual([99, 199, 399, 9999]);
});
