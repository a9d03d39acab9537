import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { lines } from "./lines.ts";

async function* chunked(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    yield bytes.subarray(start, cut);
    start = cut;
  }
}
const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<string[]> => {
  const found: string[] = [];
  for await (const line of lines(chunks)) found.push(line);
  return found;
};

test("the lines are the same wherever the bytes are split, also inside a character", async () => {
  const line = fc.string({ unit: "grapheme", minLength: 1 }).map((text) => text.replaceAll("\n", " "));
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.array(fc.nat(500)), async (texts, cuts) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
      const within = cuts.map((cut) => Math.min(cut, bytes.length));
      expect(await collect(chunked(bytes, within))).toEqual(texts);
    }),
  );
});

test("an incomplete last line is dropped, and empty lines are ignored", async () => {
  expect(await collect(chunked(Buffer.from('{"a":1}\n\n{"b":'), [3]))).toEqual(['{"a":1}']);
});
