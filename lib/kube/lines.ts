const NEWLINE = 0x0a;

/**
 * Splits a stream of bytes into lines, as the API server frames watch events. It works on bytes, because a chunk may end inside a
 * multi-byte character, and yields only complete lines. A last line without a newline is incomplete and is dropped.
 */
export async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held: Uint8Array[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = textOf([...held, chunk.subarray(start, end)]);
      held = [];
      start = end + 1;
      if (line !== "") yield line;
    }
    if (start < chunk.length) held.push(chunk.subarray(start));
  }
}

const textOf = (parts: readonly Uint8Array[]): string => Buffer.concat(parts).toString("utf8");
