// The client's side of a request, the same for HTTP/1.1 and HTTP/2. A client may disconnect at any moment; nothing here throws because of it.
import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { addAbortSignal, type Readable, type Writable } from "node:stream";
import type { Refusal } from "../lib/server/refusal.ts";
import type { RawRequest } from "./admit.ts";
import type { Http2Connection } from "./http2-connection.ts";
import type { PendingRefusals } from "./pending-refusals.ts";

export interface Client {
  readonly request: RawRequest;
  /** undefined: the request has no body. */
  readonly body: Readable | undefined;
  /** Takes the answer's body, after `respond`; may be paused by a client that does not read. */
  readonly sink: Writable;
  /** Whether an answer has begun. */
  readonly responded: boolean;
  /** Begins the answer. Does nothing when the client has disconnected. */
  respond(status: number, headers: readonly string[]): void;
  /**
   * Breaks an answer off, so that the client cannot take it for a complete one. "revoked": nothing went wrong, but access has ended; HTTP/2
   * has an error code for each.
   */
  abort(reason: "revoked" | "broken"): void;
  /** Answers with a refusal. The exchange ends soon after, whether the client reads the answer, goes on sending, or does neither. */
  refuse(answer: ReturnType<Refusal["answer"]>): void;
  /** Calls once, when the exchange is over for any reason. */
  onClose(listener: () => void): void;
}

/** Answers with a refusal, or breaks off what has begun. */
export function refuse(client: Client, refusal: Refusal): void {
  if (client.responded) return client.abort(refusal.status < 500 ? "revoked" : "broken");
  client.refuse(refusal.answer());
}

export const requestOfHttp1 = (req: IncomingMessage): RawRequest => ({
  method: req.method ?? "",
  url: req.url ?? "",
  rawHeaders: req.rawHeaders,
  peer: req.socket.remoteAddress ?? "",
});

export function clientOfHttp1(req: IncomingMessage, res: ServerResponse, pending: PendingRefusals): Client {
  req.on("error", ignore);
  res.on("error", ignore);
  const hasBody = bodyOfHttp1(req.rawHeaders);
  return {
    request: requestOfHttp1(req),
    body: hasBody ? req : undefined,
    sink: res,
    get responded() {
      return res.headersSent;
    },
    respond(status, headers) {
      if (res.destroyed || res.headersSent) return;
      try {
        res.writeHead(status, headers as string[]);
        flushSoon(res);
      } catch {
        // A header that HTTP/1.1 cannot carry.
        res.destroy();
      }
    },
    abort: () => void res.destroy(),
    refuse({ status, headers, body }) {
      if (res.destroyed || res.headersSent) return;
      res.writeHead(status, headers);
      res.end(req.method === "HEAD" ? undefined : body);
      const over = pending.add(req.rawHeaders, () => req.socket.destroy());
      // The rest of the request counts as well: node reads and drops it.
      res.once("close", () => (req.closed ? over() : req.once("close", over)));
    },
    onClose: (listener) => void res.once("close", listener),
  };
}

export function clientOfHttp2(
  stream: ServerHttp2Stream,
  rawHeaders: readonly string[],
  flags: number,
  { connection, pending }: { readonly connection: Http2Connection; readonly pending: PendingRefusals },
): Client {
  stream.on("error", ignore);
  const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0;
  if (!hasBody) stream.resume();
  return {
    request: {
      method: pseudo(rawHeaders, ":method"),
      url: pseudo(rawHeaders, ":path"),
      rawHeaders,
      peer: stream.session?.socket?.remoteAddress ?? "",
    },
    body: hasBody ? stream : undefined,
    sink: stream,
    get responded() {
      return stream.headersSent;
    },
    respond(status, headers) {
      if (stream.destroyed || stream.closed || stream.headersSent) return;
      connection.authenticated();
      try {
        stream.respond(headersOfHttp2(status, headers));
      } catch {
        stream.destroy();
      }
    },
    refuse({ status, headers, body }) {
      if (stream.destroyed || stream.closed || stream.headersSent) return;
      stream.respond(headersOfHttp2(status, headers));
      // The rest of the request is dropped.
      if (hasBody) stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
      stream.end(pseudo(rawHeaders, ":method") === "HEAD" ? undefined : body);
      connection.refused(stream);
      const over = pending.add(rawHeaders, (what) => connection.end(what === "exchange" ? stream : undefined));
      stream.once("close", over);
    },
    abort(reason) {
      // Both reset the stream, so that it does not look complete (`close` would end it first): with CANCEL, and with INTERNAL_ERROR.
      if (reason === "revoked") addAbortSignal(AbortSignal.abort(), stream);
      else stream.destroy(new Error("broken off"));
    },
    onClose: (listener) => void stream.once("close", listener),
  };
}

/**
 * Node holds the head back until the first byte of the body, which in a quiet watch comes after hours. A body that arrived together with the head
 * still goes out in one piece with it.
 */
function flushSoon(res: ServerResponse): void {
  setImmediate(() => {
    if (!res.destroyed && !res.writableEnded) res.flushHeaders();
  });
}

function bodyOfHttp1(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    if (name === "transfer-encoding" || (name === "content-length" && Number(rawHeaders[i + 1]) !== 0)) return true;
  }
  return false;
}

function pseudo(rawHeaders: readonly string[], name: string): string {
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i] === name) return rawHeaders[i + 1] ?? "";
  return "";
}

function headersOfHttp2(status: number, raw: readonly string[]): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ":status": status };
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [String(before), value];
  }
  return headers;
}

const ignore = (): void => {};
