// One tunnelled request to this cluster's own API server, and its answer back. There is no way from here to any other address:
// the server is fixed when the agent starts, the request only says a path.
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Duplex } from "node:stream";
import { type Authorities, tlsOptions } from "../../lib/outbound/trust.ts";
import { TunnelCode } from "../../lib/tunnel/errors.ts";
import type { RequestHead } from "../../lib/tunnel/head.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { answerHeaders, type Outgoing, outgoingHeaders } from "./headers.ts";
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
  /** Token of the impersonator; throws while there is none. */
  readonly token: () => string;
  /** The groups that the impersonator may pass on; others give nothing here and are left out. */
  readonly knowsGroup: (group: string) => boolean;
  /** Called for each request that goes on; what it returns is called when the request is over. */
  readonly onBegin: (begun: Begun) => () => void;
  readonly onRefused?: (reason: string) => void;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** CONNECT would ask for another address, TRACE would show the identity that was added; no API server needs either. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #url: URL;
  readonly #prefix: string;
  readonly #agent: Agent;

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#url = new URL(options.server);
    if (this.#url.protocol !== "https:") throw new Error(`the API server must be reached over https, not ${options.server}`);
    this.#prefix = this.#url.pathname.replace(/\/+$/, "");
    // Below the 90 s after which an API server ends idle connections, so that we do not write into one that is being closed.
    this.#agent = new Agent({ keepAlive: true, keepAliveMsecs: 15_000, timeout: 60_000, maxFreeSockets: 64, ...tlsOptions(options) });
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
    let outgoing: Outgoing;
    try {
      outgoing = outgoingHeaders(head, groups, this.#url.host, this.#options.token());
    } catch {
      sendStatus(stream, 503, "ServiceUnavailable", "the agent has no access to its API server yet", 1);
      return;
    }
    const over = this.#options.onBegin({ head, groups, end: (why) => stream.reset(TunnelCode.Revoked, why) });
    stream.once("close", over);
    this.#send(stream, outgoing, !outgoing.hasBody && outgoing.upgrade === undefined && REPEATABLE.has(head.method));
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(stream: Stream, outgoing: Outgoing, mayRetry: boolean): void {
    let answered = false;
    let again = false;
    let req: ClientRequest;
    try {
      req = request({
        host: this.#url.hostname,
        port: this.#url.port || 443,
        method: stream.request.method,
        path: this.#prefix + stream.request.path,
        headers: outgoing.headers,
        agent: outgoing.upgrade === undefined ? this.#agent : false,
        maxHeaderSize: 128 * 1024,
        ...tlsOptions(this.#options),
      });
    } catch {
      sendStatus(stream, 400, "BadRequest", "the request cannot be written as HTTP/1.1");
      return;
    }
    const gone = (): void => void req.destroy();
    stream.once("close", gone);
    limitConnect(req);
    req.on("response", (res) => {
      answered = true;
      answer(stream, req, res, this.#prefix);
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
    req.on("error", () => {
      if (stream.destroyed || answered) return;
      // A kept-alive connection that the server closed in that moment: nothing of the request was heard.
      if (mayRetry && req.reusedSocket) {
        again = true;
        stream.off("close", gone);
        this.#send(stream, outgoing, false);
      } else stream.reset(TunnelCode.Unreachable, "the API server cannot be reached");
    });
    if (outgoing.hasBody) stream.pipe(req);
    else {
      req.end();
      // Nothing may come, but the stream is over only when its end was read.
      if (outgoing.upgrade === undefined) stream.resume();
    }
  }
}

function answer(stream: Stream, req: ClientRequest, res: IncomingMessage, prefix: string): void {
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

/** Bounds the time to connect, not the time to answer: watches may be silent for long. */
function limitConnect(req: ClientRequest): void {
  req.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => req.destroy(new Error("connecting took too long")), CONNECT_TIMEOUT_MS);
    const done = (): void => clearTimeout(timer);
    socket.once("secureConnect", done);
    socket.once("close", done);
  });
}
