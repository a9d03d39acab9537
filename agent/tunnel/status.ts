// Answers of the agent's own, in the form in which an API server refuses.
import type { Stream } from "../../lib/tunnel/stream.ts";

/** Ends the stream with a Kubernetes Status. */
export function sendStatus(stream: Stream, code: number, reason: string, message: string, retryAfterSeconds?: number): void {
  const body = Buffer.from(
    JSON.stringify({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      reason,
      ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
      code,
    }),
  );
  const headers = ["Content-Type", "application/json", "Content-Length", String(body.length)];
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  stream.resume();
  stream.sendHead({ status: code, headers });
  stream.end(body);
}
