import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { silent } from "../../lib/kube/log.ts";
import { type Fresh, TokenSource } from "./token.ts";

let stop: AbortController;
beforeEach(() => {
  jest.useFakeTimers();
  stop = new AbortController();
});
afterEach(() => {
  stop.abort();
  jest.useRealTimers();
});

function source(obtain: (count: number) => Fresh) {
  let count = 0;
  const tokens = new TokenSource({ what: "hub token", log: silent, obtain: async () => obtain(++count) });
  const running = tokens.run(stop.signal);
  return { tokens, running, asked: () => count };
}
const numbered = (count: number): Fresh => ({ token: `t${count}`, lifetimeMs: 3_600_000 });

describe("TokenSource", () => {
  test("renews at two thirds of the token's life", async () => {
    const { tokens, asked } = source(numbered);
    await tokens.ready;
    expect(tokens.get()).toBe("t1");
    await jest.advanceTimersByTimeAsync(2_399_000);
    expect(asked()).toBe(1);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(tokens.get()).toBe("t2");
  });

  test("goes on with the old token while there is no new one, and has none when that is over", async () => {
    const { tokens } = source((count) => {
      if (count > 1) throw new Error("the hub is away");
      return numbered(count);
    });
    await tokens.ready;
    await jest.advanceTimersByTimeAsync(3_500_000);
    expect(tokens.get()).toBe("t1");
    await jest.advanceTimersByTimeAsync(200_000);
    expect(() => tokens.get()).toThrow("no hub token: the hub is away");
  });

  test("makes a new one when the current one was refused, but not again and again", async () => {
    const { tokens, asked } = source(numbered);
    await tokens.ready;
    tokens.reject("t1");
    await jest.advanceTimersByTimeAsync(1_000);
    expect(asked()).toBe(1);
    await jest.advanceTimersByTimeAsync(10_000);
    tokens.reject("some older token");
    await jest.advanceTimersByTimeAsync(1_000);
    expect(asked()).toBe(1);
    tokens.reject("t1");
    await jest.advanceTimersByTimeAsync(1_000);
    expect(tokens.get()).toBe("t2");
  });

  test("tries until it gets the first one", async () => {
    const { tokens, asked } = source((count) => {
      if (count < 4) throw new Error("not yet");
      return numbered(count);
    });
    expect(() => tokens.get()).toThrow("no hub token");
    await jest.advanceTimersByTimeAsync(60_000);
    await tokens.ready;
    expect(asked()).toBe(4);
  });
});
