// One tunnelled request to this cluster's own API server, and its answer back. There is no way from here to any other address:
// the server is fixed when the agent starts, the request only says a path.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { OutgoingRequest } from "../../lib/http1/head.ts";
import { FramingError, type PendingRequest, Upstream } from "../../lib/http1/upstream.ts";
import type { Authorities } from "../../lib/outbound/trust.ts";
import { TunnelCode } from "../../lib/tunnel/errors.ts";
import type { RequestHead } from "../../lib/tunnel/head.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { answerHeaders, outgoingRequest } from "./headers.ts";
import { reasonToRefuse } from "./identity.ts";
import { sendStatus } from "./status.ts";

/** An open request, as the table of streams wants to know it. `end` resets it with the reason. */
export interface Begun {
  readonly head: RequestHead;
  readonly groups: readonly string[];
  end(reason: string): void;
}

export interface ForwardOptions {
  /** Base URL of the own API server; may have a path prefix. */
  readonly server: string;
  readonly ca?: Authorities;
  /** The name that the server's certificate must carry, when it is not the host of `server`. */
  readonly serverName?: string;
  readonly proxyURL?: string;
  /** Token of the impersonator; throws while there is none. */
  readonly token: () => string;
  /** The groups that the impersonator may pass on; others give nothing here and are left out. */
  readonly knowsGroup: (group: string) => boolean;
  /** Called for each request that goes on; what it returns is called when the request is over. */
  readonly onBegin: (begun: Begun) => () => void;
  readonly onRefused?: (reason: string) => void;
}

/**
 * All requests share their connections: each carries the same token, and whom it is for stands in it. What keeps people apart is that
 * nothing but whole, explicitly framed requests is ever written: docs/decisions/0009-one-writer-of-requests.md
 */
const IMPERSONATOR = "impersonator";
/** CONNECT would ask for another address, TRACE would show the identity that was added; no API server needs either. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #upstream: Upstream;

  constructor(options: ForwardOptions) {
    this.#options = options;
    const { server, ca, serverName, proxyURL } = options;
    this.#upstream = new Upstream({ server, ca, serverName, proxyURL, socketsPerIdentity: Number.POSITIVE_INFINITY, idlePerIdentity: 64 });
  }

  /** Takes a stream of the tunnel. Never throws. */
  handle(stream: Stream): void {
    const head = stream.request;
    const reason = reasonToRefuse(head);
    if (reason !== undefined) {
      this.#options.onRefused?.(reason);
      sendStatus(stream, 403, "Forbidden", `the agent refuses this request: ${reason}`);
      return;
    }
    if (!METHODS.has(head.method)) {
      sendStatus(stream, 405, "MethodNotAllowed", "the agent does not forward this method");
      return;
    }
    const groups = head.groups.filter(this.#options.knowsGroup);
    let outgoing: OutgoingRequest;
    try {
      outgoing = outgoingRequest(head, groups, this.#options.token());
    } catch {
      sendStatus(stream, 503, "ServiceUnavailable", "the agent has no access to its API server yet", 1);
      return;
    }
    const over = this.#options.onBegin({ head, groups, end: (why) => stream.reset(TunnelCode.Revoked, why) });
    stream.once("close", over);
    this.#send(stream, outgoing, head.body === "none" && outgoing.upgrade === undefined && REPEATABLE.has(head.method));
  }

  close(): void {
    this.#upstream.close();
  }

  #send(stream: Stream, outgoing: OutgoingRequest, mayRetry: boolean): void {
    let answered = false;
    let again = false;
    const hasBody = outgoing.body !== "none" && outgoing.upgrade === undefined;
    let req: PendingRequest;
    try {
      req = this.#upstream.send(outgoing, IMPERSONATOR, hasBody ? stream : undefined);
    } catch {
      sendStatus(stream, 400, "BadRequest", "the request cannot be written as HTTP/1.1");
      return;
    }
    const gone = (): void => void req.destroy();
    stream.once("close", gone);
    req.on("response", (res) => {
      answered = true;
      answer(stream, req, res, this.#upstream.prefix);
    });
    req.on("upgrade", (res, socket, rest) => {
      answered = true;
      if (outgoing.upgrade !== undefined) return joinRaw(stream, res, socket, rest);
      socket.destroy();
      stream.reset(TunnelCode.Unreachable, "the API server changed to a protocol that nobody asked for");
    });
    req.on("close", () => {
      if (!answered && !stream.destroyed && !again) stream.reset(TunnelCode.Unreachable, "the API server gave no answer");
    });
    req.on("error", (error: Error) => {
      if (stream.destroyed) return;
      if (error instanceof FramingError) return stream.reset(TunnelCode.Protocol, error.message);
      if (answered) return;
      // A kept-alive connection that the server closed in that moment: nothing of the request was heard.
      if (mayRetry && req.reusedSocket) {
        again = true;
        stream.off("close", gone);
        this.#send(stream, outgoing, false);
      } else stream.reset(TunnelCode.Unreachable, "the API server cannot be reached");
    });
    // The stream is over only when its end was read; nothing else may come.
    if (!hasBody && outgoing.upgrade === undefined)
      stream.on("data", () => stream.reset(TunnelCode.Protocol, "a body that the request's head does not announce"));
  }
}

function answer(stream: Stream, req: PendingRequest, res: IncomingMessage, prefix: string): void {
  if (stream.destroyed) return void req.destroy();
  const status = res.statusCode ?? 502;
  try {
    stream.sendHead({ status, headers: answerHeaders(res.rawHeaders, status, prefix) });
  } catch {
    req.destroy();
    stream.reset(TunnelCode.Internal, "the answer's headers are longer than the tunnel carries");
    return;
  }
  res.on("error", () => {});
  res.on("close", () => {
    if (!res.complete) stream.reset(TunnelCode.Unreachable, "the API server broke off its answer");
  });
  // What of the request body is still to come is read and dropped, so that the stream can end.
  res.on("end", () => stream.resume());
  res.pipe(stream);
}

/** After a 101: raw bytes both ways; each side's end is passed on by itself. */
function joinRaw(stream: Stream, res: IncomingMessage, socket: Duplex, rest: Buffer): void {
  if (stream.destroyed) return void socket.destroy();
  stream.once("close", () => socket.destroy());
  socket.on("error", () => {
    if (!socket.readableEnded) stream.reset(TunnelCode.Unreachable, "the API server broke off the stream");
  });
  socket.on("close", () => {
    if (!stream.writableEnded) stream.reset(TunnelCode.Unreachable, "the API server broke off the stream");
  });
  // The server has said its last word: what the client still sends is for nobody, and writing it would be an error that overtakes that word.
  socket.once("end", () => {
    stream.unpipe(socket);
    stream.resume();
  });
  stream.sendHead({ status: 101, headers: answerHeaders(res.rawHeaders, 101, "") });
  if (rest.length > 0) stream.write(rest);
  socket.pipe(stream);
  stream.pipe(socket);
}
