// An agent's request body, taken in whole before anything of it goes on: so its length is known, and nothing can come behind it.
import type { Readable } from "node:stream";
import { Refusal } from "../../lib/server/refusal.ts";

const TIMEOUT_MS = 10_000;

/** Never throws; what the client sends beyond the limit is not kept. */
export function wholeBody(body: Readable, maxBytes: number): Promise<Buffer | Refusal> {
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
