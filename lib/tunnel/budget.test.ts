// Users who request much and read nothing: what both ends of a tunnel buffer stays bounded, and the streams of others go on.
import { duplexPair } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type BudgetedStream, ByteBudget } from "./budget.ts";
import { defaultTunnelConfig } from "./config.ts";
import { TunnelCode } from "./errors.ts";
import { INITIAL_WINDOW_BYTES } from "./frame.ts";
import { Session } from "./session.ts";
import type { Stream } from "./stream.ts";

const ANSWER_BYTES = 1_000_000;
const PIECE = Buffer.alloc(16 * 1024);

const turn = () => new Promise((resolve) => setImmediate(resolve));
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Writes as much as backpressure allows. */
function bulk(stream: Stream): void {
  stream.resume();
  stream.sendHead({ status: 200, headers: [] });
  let left = ANSWER_BYTES;
  const feed = (): void => {
    while (left > 0) {
      const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
      left -= piece.length;
      if (!stream.write(piece)) return;
    }
    stream.end();
  };
  stream.on("drain", feed);
  feed();
}

function tunnel() {
  const [left, right] = duplexPair();
  const opener = new Session(left, { role: "opener" });
  const acceptor = new Session(right, { role: "acceptor", onStream: bulk });
  const ask = (user: string): Stream => {
    const stream = opener.open({ method: "GET", path: "/openapi/v2", headers: [], body: "none", user, uid: "", groups: [], extra: {} });
    stream.end();
    return stream;
  };
  return { opener, acceptor, ask };
}

async function drained(stream: Stream): Promise<number> {
  let bytes = 0;
  for await (const piece of stream) bytes += (piece as Buffer).length;
  return bytes;
}

describe("a user who requests two thousand large responses and reads none", () => {
  test("fills neither end beyond its budget, loses only their own responses, and delays nobody", async () => {
    const { opener, acceptor, ask } = tunnel();
    const slow = ask("drover:user:slow");
    await slow.head;
    const greedy: Stream[] = [];
    let most = 0;
    const errors: number[] = [];
    for (let i = 0; i < defaultTunnelConfig.maxStreams - 100; i++) {
      const stream = ask("drover:user:greedy");
      stream.on("error", (error: Error & { code?: number }) => errors.push(error.code ?? -1));
      greedy.push(stream);
      if (i % 50 === 0) {
        expect(await drained(ask("drover:user:other"))).toBe(ANSWER_BYTES);
        most = Math.max(most, opener.bufferedBytes, acceptor.bufferedBytes, opener.budget.bytes, acceptor.budget.bytes);
        // The slow reader's stream is unread for longer than any stream of the greedy user.
        expect(slow.destroyed).toBe(false);
      }
    }
    await until(() => errors.length > 0);
    expect(most).toBeLessThanOrEqual(defaultTunnelConfig.maxUnreadBytes + INITIAL_WINDOW_BYTES);
    expect(new Set(errors)).toEqual(new Set([TunnelCode.Unread]));
    expect(await drained(slow)).toBe(ANSWER_BYTES);
    for (const stream of greedy) stream.destroy();
    await until(() => opener.budget.bytes === 0 && acceptor.budget.bytes === 0);
    opener.destroy();
  });
});

test("an unread stream buffers at most 64 KiB; one that is read may buffer more, unless memory is scarce", async () => {
  for (const scarce of [false, true]) {
    const { opener, acceptor, ask } = tunnel();
    const others = scarce ? Array.from({ length: 270 }, () => ask("drover:user:greedy")) : [];
    const stream = ask("drover:user:alice");
    await until(() => stream.bytesReceived === INITIAL_WINDOW_BYTES);
    expect(opener.budget.scarce).toBe(scarce);
    let read = 0;
    await until(() => {
      read += (stream.read() as Buffer | null)?.length ?? 0;
      return read > INITIAL_WINDOW_BYTES;
    });
    // Both ends are in this process: when several turns of the event loop bring nothing, nothing is in flight.
    for (let still = 0, last = -1; still < 20; still = stream.bytesReceived === last ? still + 1 : 0) {
      last = stream.bytesReceived;
      await turn();
    }
    const usage = stream.bytesReceived - read;
    // Bytes in the reader's own buffer count as read.
    const buffered = stream.readableHighWaterMark + PIECE.length;
    if (scarce) expect(usage).toBeLessThanOrEqual(INITIAL_WINDOW_BYTES + buffered);
    else expect(usage).toBeGreaterThan(INITIAL_WINDOW_BYTES + buffered);
    expect(usage).toBeLessThanOrEqual(defaultTunnelConfig.windowBytes + buffered);
    for (const other of others) other.destroy();
    opener.destroy();
    acceptor.destroy();
  }
});

test("a budget is never exceeded, counts each stream, and evicts a stream of the user who buffers most", () => {
  const step = fc.record({ stream: fc.nat(11), bytes: fc.nat(40), progress: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const budget = new ByteBudget(100);
      const usage = new Map<number, number>();
      const holders = Array.from(
        { length: 12 },
        (_, i): BudgetedStream => ({
          request: { user: `user-${i % 3}` },
          evict: () => {
            const users = [0, 1, 2].map((user) => [...usage].reduce((sum, [n, bytes]) => sum + (n % 3 === user ? bytes : 0), 0));
            expect(users[i % 3]).toBe(Math.max(...users));
            usage.delete(i);
          },
        }),
      );
      for (const { stream, bytes, progress } of steps) {
        usage.set(stream, bytes);
        budget.update(holders[stream] as BudgetedStream, bytes, progress);
        expect(budget.bytes).toBeLessThanOrEqual(100);
        expect(budget.bytes).toBe([...usage.values()].reduce((sum, one) => sum + one, 0));
      }
      for (const [stream] of usage) budget.update(holders[stream] as BudgetedStream, 0, false);
      expect(budget.bytes).toBe(0);
    }),
  );
});
