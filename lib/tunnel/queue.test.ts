import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ByteQueue } from "./queue.ts";

function drain(queue: ByteQueue): Buffer[] {
  const pieces: Buffer[] = [];
  for (let piece = queue.shift(); piece !== undefined; piece = queue.shift()) pieces.push(piece);
  return pieces;
}

test("bytes come out in the order in which they went in, whatever the piece sizes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 9000 }), fc.constant("shift" as const)), { maxLength: 30 }),
      (steps) => {
        const queue = new ByteQueue();
        const put: Buffer[] = [];
        const got: Buffer[] = [];
        for (const step of steps) {
          if (step === "shift") got.push(queue.shift() ?? Buffer.alloc(0));
          else {
            queue.push(Buffer.from(step));
            put.push(Buffer.from(step));
          }
          expect(queue.length).toBe(Buffer.concat(put).length - Buffer.concat(got).length);
        }
        got.push(...drain(queue));
        expect(Buffer.concat(got).equals(Buffer.concat(put))).toBe(true);
        expect(queue.length).toBe(0);
      },
    ),
  );
});

test("single bytes of large chunks do not keep the chunks in memory", () => {
  const queue = new ByteQueue();
  for (let i = 0; i < 20_000; i++) queue.push(Buffer.alloc(16_384, i).subarray(3, 4));
  const pieces = drain(queue);
  const held = new Set(pieces.map((piece) => piece.buffer));
  expect([...held].reduce((sum, buffer) => sum + buffer.byteLength, 0)).toBeLessThanOrEqual(2 * 16_384);
});

test("a piece that is a small part of its chunk does not keep the chunk in memory", () => {
  const queue = new ByteQueue();
  queue.push(Buffer.alloc(1_000_000).subarray(0, 5_000));
  expect(queue.shift()?.buffer.byteLength).toBeLessThan(20_000);
});
