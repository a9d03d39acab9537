import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { BoundedOutput } from "./output.ts";

/** Takes one piece, and the next only when it is told to. */
function stalled() {
  const taken: string[] = [];
  const waiting: (() => void)[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk.toString());
      waiting.push(done);
    },
  });
  return { stream, taken, goOn: () => waiting.shift()?.() };
}

test("what nobody takes waits up to a bound, is dropped beyond it, and it is said how many lines were", async () => {
  const { stream, taken, goOn } = stalled();
  const output = new BoundedOutput(stream, () => "proxy", 1_000);
  const line = `${"x".repeat(99)}\n`;
  for (let i = 0; i < 1_000; i++) output.write(line + line);
  expect(stream.writableLength).toBeLessThanOrEqual(1_000);
  while (stream.writableLength > 0) {
    goOn();
    await new Promise(setImmediate);
  }
  output.write(line);
  goOn();
  const written = taken.join("").trim().split("\n");
  const told = written.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text) as { lines: number });
  expect(told).toMatchObject([{ level: "error", process: "proxy", message: expect.stringContaining("lost") }]);
  expect(written.length - 1 + (told[0]?.lines ?? 0)).toBe(2_001);
});

test("waiting for the rest ends when it was taken, and also when it never is", async () => {
  const taking = new BoundedOutput(new Writable({ write: (_chunk, _encoding, done) => done() }), () => "p");
  taking.write("a\n");
  await taking.drained(60_000);
  const never = new BoundedOutput(stalled().stream, () => "p");
  never.write("a\n");
  await never.drained(1);
});
