import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import type { Key } from "../kube/object.ts";
import { Queue, type QueueOptions } from "./queue.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

const options: QueueOptions = { workers: 2, backoff: { baseMs: 100, capMs: 1_000 }, random: () => 0.5 };
const a: Key = { name: "a" };
const b: Key = { name: "b", namespace: "n" };
const passed = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

/** A queue whose work is done by hand: each call waits until it is told to end. */
function byHand(more: Partial<QueueOptions> = {}) {
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const stop = new AbortController();
  const queue = new Queue(
    (key) =>
      new Promise((resolve, reject) => {
        begun.push(key.name);
        ends.push((error) => (error === undefined ? resolve(undefined) : reject(error)));
      }),
    { ...options, ...more },
  );
  const done = queue.run(stop.signal);
  return { queue, begun, end: (index: number, error?: Error) => ends[index]?.(error), stop, done };
}

test("a key added many times before it is worked on is worked on once", async () => {
  const { queue, begun } = byHand({ workers: 1 });
  queue.add(b);
  for (let index = 0; index < 5; index++) queue.add(a);
  expect(queue.depth).toBe(1);
  expect(begun).toEqual(["b"]);
});

test("a key added while it is being worked on waits, and is worked on once more after that", async () => {
  const { queue, begun, end } = byHand();
  queue.add(a);
  queue.add(a);
  queue.add(a);
  await passed(0);
  expect(begun).toEqual(["a"]);
  end(0);
  await passed(0);
  expect(begun).toEqual(["a", "a"]);
  end(1);
  await passed(100_000);
  expect(begun).toEqual(["a", "a"]);
});

test("keys are worked on in the order in which they came, as many at once as there are workers", async () => {
  const { queue, begun, end } = byHand();
  for (const name of ["a", "b", "c", "d"]) queue.add({ name });
  expect([begun.join(), queue.depth, queue.running]).toEqual(["a,b", 2, 2]);
  end(1);
  await passed(0);
  expect([begun.join(), queue.depth, queue.running]).toEqual(["a,b,c", 1, 2]);
});

test("failures of a key are retried ever later, for that key alone, and forgotten after a success", async () => {
  const delays: number[] = [];
  const { queue, begun, end } = byHand({ onError: (_key, _error, _failures, ms) => delays.push(ms) });
  queue.add(a);
  for (let index = 0; index < 6; index++) {
    end(index, new Error("no"));
    await passed(1_000);
    expect(begun).toHaveLength(index + 2);
  }
  expect(delays).toEqual([50, 100, 200, 400, 500, 500]);
  end(6);
  await passed(10_000);
  expect(begun).toHaveLength(7);
  queue.add(a);
  end(7, new Error("no"));
  await passed(0);
  expect(delays.at(-1)).toBe(50);
});

test("the wait that an error asks for is kept, though the backoff is shorter", async () => {
  const { queue, begun, end } = byHand({ leastDelayMs: () => 5_000 });
  queue.add(a);
  end(0, new Error("429"));
  await passed(4_999);
  expect(begun).toHaveLength(1);
  await passed(1);
  expect(begun).toHaveLength(2);
});

test("news about a key that waits after a failure is worked on at once", async () => {
  const { queue, begun, end } = byHand({ leastDelayMs: () => 5_000 });
  queue.add(a);
  end(0, new Error("no"));
  await passed(10);
  queue.add(a);
  expect(begun).toHaveLength(2);
  end(1);
  await passed(100_000);
  expect(begun).toHaveLength(2);
});

test("of two delayed wishes for a key the earlier one holds, and it is worked on once for both", async () => {
  const { queue, begun, end } = byHand();
  queue.addAfter(a, 500);
  queue.addAfter(a, 200);
  queue.addAfter(a, 900);
  await passed(199);
  expect(begun).toEqual([]);
  await passed(1);
  expect(begun).toEqual(["a"]);
  end(0);
  await passed(100_000);
  expect(begun).toEqual(["a"]);
});

test("a date far away does not overflow the timer and fire at once", async () => {
  const { queue, begun } = byHand();
  queue.addAfter(a, 400 * 24 * 3600 * 1000);
  await passed(3600 * 1000);
  expect(begun).toEqual([]);
});

test("work that asks to be called again is, after that time", async () => {
  const begun: number[] = [];
  const stop = new AbortController();
  const queue = new Queue(async () => {
    begun.push(performance.now());
    return { requeueAfterMs: 1_000 };
  }, options);
  const done = queue.run(stop.signal);
  queue.add(a);
  await passed(3_500);
  expect(begun).toHaveLength(4);
  stop.abort();
  await done;
});

test("after the signal nothing is begun, and run ends with the last worker", async () => {
  const { queue, begun, end, stop, done } = byHand();
  queue.add(a);
  queue.addAfter(b, 10);
  stop.abort();
  queue.add({ name: "late" });
  let ended = false;
  const watched = done.then(() => {
    ended = true;
  });
  await passed(100);
  expect([begun.join(), ended]).toEqual(["a", false]);
  end(0);
  await passed(0);
  await watched;
  expect(ended).toBe(true);
});

test("whatever is added, delayed and fails: no key is ever worked on twice at once, and each is worked on after its last change", async () => {
  const step = fc.record({
    name: fc.constantFrom("a", "b", "c"),
    wait: fc.nat(50),
    how: fc.constantFrom("now", "later"),
    lasts: fc.nat(30),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const active = new Set<string>();
      const version = new Map<string, number>();
      const seen = new Map<string, number | undefined>();
      let next = 0;
      const stop = new AbortController();
      const queue = new Queue(async ({ name }) => {
        expect(active.has(name)).toBe(false);
        active.add(name);
        const { lasts = 0, fails = false } = steps[next++ % (steps.length || 1)] ?? {};
        const read = version.get(name);
        // The work itself, which lasts that long on the test's clock.
        await new Promise((resolve) => setTimeout(resolve, lasts));
        active.delete(name);
        if (fails && next < 200) throw new Error("no");
        seen.set(name, read);
        return undefined;
      }, options);
      const done = queue.run(stop.signal);
      for (const { name, wait, how } of steps) {
        version.set(name, (version.get(name) ?? 0) + 1);
        if (how === "now") queue.add({ name });
        else queue.addAfter({ name }, wait);
        await passed(wait);
      }
      await passed(1_000_000);
      expect(seen).toEqual(version);
      stop.abort();
      await done;
    }),
    { numRuns: 60 },
  );
});
