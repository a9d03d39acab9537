// Single HTTPS requests that return the whole response, for callers that make too few to keep connections open. Redirects are not followed:
// a request is sent to the named host only.
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { httpsRequest, type Route } from "./connect.ts";

export interface SingleRequest {
  /** Default: GET. */
  readonly method?: string;
  /** Replaces the path of the URL, byte for byte. */
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Limits everything from connecting to the last byte of the response. Default: 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Longest accepted response body. Default: 4 MiB. */
  readonly maxBytes?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** The response, whatever its status. Rejects when there is none, when it comes too late or is too long, and when the signal aborts. */
export function sendRequest(url: string, route: Route, request: SingleRequest = {}): Promise<Answer> {
  const { method = "GET", path, headers, body, timeoutMs = TIMEOUT_MS, maxBytes = MAX_BYTES } = request;
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
  const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(timeout.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
    const outgoing = httpsRequest(url, route, {
      method,
      headers: { ...length, ...headers },
      signal,
      ...(path === undefined ? {} : { path }),
    });
    // An abort counts whatever node makes of it.
    signal.addEventListener("abort", () => fail(signal.reason as Error), { once: true });
    outgoing.on("error", fail);
    // After an unasked-for change of protocol node closes the connection, and emits neither a response nor an error.
    const closed = (): void => fail(new Error("the connection ended without a response"));
    outgoing.on("close", closed);
    outgoing.on("response", (incoming) => {
      // The request can close before the response's last bytes are read: from here on its events count.
      outgoing.off("close", closed);
      const pieces: Buffer[] = [];
      let size = 0;
      incoming.on("data", (piece: Buffer) => {
        size += piece.length;
        if (size <= maxBytes) return void pieces.push(piece);
        // Rejects before destroying: the end of the response may have arrived with this piece, and is reported in spite of `destroy`.
        fail(new Error(`the answer is longer than ${maxBytes} bytes`));
        outgoing.destroy();
      });
      incoming.on("error", fail);
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(pieces).toString("utf8") }),
      );
    });
    outgoing.end(body);
  });
}

export interface JSONAnswer extends Omit<Answer, "body"> {
  /** Undefined when it is not JSON. */
  readonly body: unknown;
}

/** As `sendRequest`, with JSON values as bodies. */
export async function sendJSON(
  url: string,
  route: Route,
  { body, headers, ...request }: Omit<SingleRequest, "body"> & { readonly body?: unknown },
): Promise<JSONAnswer> {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const answer = await sendRequest(url, route, { ...request, ...content, headers: { accept: "application/json", ...type, ...headers } });
  return { ...answer, body: parsed(answer.body) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
