// Reads an agent's request body completely before any of it goes on: its length is then known, and nothing can follow it.
import type { Readable } from "node:stream";
import { Refusal } from "../../lib/server/refusal.ts";

const TIMEOUT_MS = 10_000;

/** Never throws. Bytes beyond the limit are not kept. */
export function readBody(body: Readable, maxBytes: number): Promise<Buffer | Refusal> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    const done = (result: Buffer | Refusal): void => {
      clearTimeout(timer);
      body.off("data", take);
      resolve(result);
    };
    const take = (piece: Buffer): void => {
      bytes += piece.length;
      if (bytes <= maxBytes) pieces.push(piece);
      else done(new Refusal("BodyTooLarge", `the body is larger than an agent's may be (${maxBytes / 1024} KiB)`));
    };
    const timer = setTimeout(() => done(new Refusal("RequestTooSlow", "the request's body took too long")), TIMEOUT_MS);
    body.on("data", take);
    body.once("end", () => done(Buffer.concat(pieces)));
    body.once("close", () => done(new Refusal("MalformedRequest", "the request's body was broken off")));
  });
}
