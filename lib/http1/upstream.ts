// Sends every HTTP/1.1 request that Drover builds from parts. It checks the body against its framing: with one byte more or fewer than
// declared, the connection is destroyed before any byte could be read as the next request.
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, type AgentOptions, type RequestOptions, request } from "node:https";
import type { Duplex, Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import { openTCP, outboundProxy, type Route } from "../outbound/connect.ts";
import { tlsOptions } from "../outbound/trust.ts";
import { type Framing, headerLines, type OutgoingRequest } from "./head.ts";

export interface UpstreamOptions {
  /** Base URL, https only; may have a path prefix. */
  readonly server: string;
  readonly ca?: Route["ca"];
  readonly serverName?: Route["serverName"];
  /** The outbound proxy to use; absent: as HTTPS_PROXY and NO_PROXY say. */
  readonly proxyURL?: Route["proxyURL"];
  /** Connections that requests of one identity may use at once, and keep open while idle. */
  readonly socketsPerIdentity: number;
  readonly idlePerIdentity: number;
}

/** An open request. Its body cannot be written to from outside. */
export type PendingRequest = Pick<ClientRequest, "on" | "once" | "destroy" | "destroyed" | "reusedSocket">;

const CONNECT_TIMEOUT_MS = 10_000;
/** Below the 90 s after which an API server ends idle connections, so that no request is written to a connection that is being closed. */
const IDLE_MS = 60_000;
const MAX_ANSWER_HEADER_BYTES = 128 * 1024;

export class Upstream {
  /** host[:port], as in the header Host. */
  readonly host: string;
  /** The path prefix of the server; "" when there is none. */
  readonly prefix: string;
  readonly #url: URL;
  readonly #pools: Pools;

  constructor({ server, ca, serverName, proxyURL, socketsPerIdentity, idlePerIdentity }: UpstreamOptions) {
    this.#url = new URL(server);
    if (this.#url.protocol !== "https:") throw new Error(`the server must be reached over https, not ${server}`);
    this.host = this.#url.host;
    this.prefix = this.#url.pathname.replace(/\/+$/, "");
    this.#pools = new Pools(new Connector(this.#url, { ca, serverName, proxyURL }), {
      keepAlive: true,
      keepAliveMsecs: 15_000,
      timeout: IDLE_MS,
      maxSockets: socketsPerIdentity,
      maxFreeSockets: idlePerIdentity,
    });
  }

  /**
   * Starts a request. `identity`: connections are used for requests of the same identity only. `body` is read only when the framing
   * declares one. Throws a TypeError when it cannot be written as one request.
   */
  send(outgoing: OutgoingRequest, identity: string, body?: Readable | Buffer): PendingRequest {
    if (body === undefined ? outgoing.body !== "none" && outgoing.body !== 0 : outgoing.body === "none")
      throw new TypeError("a body and its framing belong together");
    const path = this.prefix + outgoing.path;
    const options = {
      host: this.#url.hostname,
      port: this.#url.port || 443,
      method: outgoing.method,
      path,
      headers: headerLines({ ...outgoing, path }, this.host),
      agent: outgoing.upgrade === undefined ? this.#pools : this.#pools.single(),
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
      identity,
    };
    const req = request(options);
    limitConnect(req);
    req.on("error", () => {}); // the sender listens as well; an error after the end concerns no one
    req.once("response", (res: IncomingMessage) => res.once("end", () => req.writableFinished || req.destroy()));
    if (body === undefined) req.end();
    else if (Buffer.isBuffer(body)) writeWhole(req, outgoing.body, body);
    else writeBody(req, outgoing.body, body);
    return req;
  }

  close(): void {
    this.#pools.destroy();
  }
}

function writeWhole(req: ClientRequest, framing: Framing, body: Buffer): void {
  if (framing === "chunked" || framing === body.length) req.end(body);
  else req.destroy(new FramingError("the body has another length than it declares"));
}

/** Sends the body with backpressure, and never a byte more than its framing allows. */
function writeBody(req: ClientRequest, framing: Framing, body: Readable): void {
  let left = typeof framing === "number" ? framing : Number.POSITIVE_INFINITY;
  let ended = false;
  body.on("data", (piece: Buffer) => {
    // After the request is over, the rest of the body is read and dropped, so that the stream can end.
    if (req.destroyed) return;
    left -= piece.length;
    if (left < 0) req.destroy(new FramingError("the body is longer than it declares"));
    else if (!req.write(piece)) body.pause();
  });
  req.on("drain", () => body.resume());
  body.once("end", () => {
    ended = true;
    if (Number.isFinite(left) && left !== 0) req.destroy(new FramingError("the body is shorter than it declares"));
    else req.end();
  });
  body.once("close", () => ended || req.destroy(new FramingError("the body was aborted")));
  req.once("close", () => body.resume());
}

/** A body did not match its framing; the connection is destroyed. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** Opens connections. The trusted authorities are read for each connection, not for each request. */
class Connector {
  readonly #server: URL;
  readonly #route: Route;
  readonly #proxy: URL | undefined;
  #ca: string | undefined;
  /** The TLS session of the last connection. The next connection resumes it, which saves most of the handshake, the server's certificate included. */
  #session: Buffer | undefined;

  constructor(server: URL, route: Route) {
    this.#server = server;
    this.#route = route;
    this.#proxy = outboundProxy(server, route);
  }

  /** `connect`: makes the TLS connection out of the options. */
  open(options: RequestOptions, connect: (options: RequestOptions) => TLSSocket, done: Done): Duplex | undefined {
    if (this.#proxy === undefined) return this.#secure(options, connect);
    openTCP(this.#server, this.#proxy).then(
      (socket) => done(null, this.#secure({ ...options, socket } as RequestOptions, connect)),
      (error) => done(error, undefined as never),
    );
    return undefined;
  }

  #secure(options: RequestOptions, connect: (options: RequestOptions) => TLSSocket): TLSSocket {
    const tls = tlsOptions(this.#route);
    // Resuming a session does not verify the certificate again, so a session is dropped when the authorities change.
    if (tls.ca !== this.#ca) [this.#ca, this.#session] = [tls.ca, undefined];
    const socket = connect({ ...options, ...tls, session: this.#session } as RequestOptions);
    socket.on("session", (session: Buffer) => {
      if (tls.ca === this.#ca) this.#session = session;
    });
    socket.once("close", (failed: boolean) => {
      if (failed) this.#session = undefined;
    });
    return socket;
  }
}

type Done = (error: Error | null, socket: Duplex) => void;

/** Connections kept apart by identity. Node closes an idle one on which unexpected bytes arrive. */
class Pools extends Agent {
  readonly #connector: Connector;

  constructor(connector: Connector, options: AgentOptions) {
    super({ ...options, maxCachedSessions: 0 });
    this.#connector = connector;
  }

  /** For one connection that is not used again. */
  single(): Agent {
    return new Pools(this.#connector, {});
  }

  override createConnection(options: RequestOptions, done: Done): Duplex | undefined {
    return this.#connector.open(options, (secured) => super.createConnection(secured) as TLSSocket, done);
  }

  override getName({ identity }: RequestOptions & { readonly identity?: string } = {}): string {
    if (identity === undefined) throw new TypeError("a connection belongs to an identity");
    return identity;
  }
}

/** Limits the time to connect, not the time to answer: a watch may be silent for a long time. */
function limitConnect(req: ClientRequest): void {
  req.once("socket", (socket) => {
    // Through an outbound proxy, TCP is connected already and only TLS remains.
    if (!socket.connecting && !(socket as TLSSocket & { readonly secureConnecting?: boolean }).secureConnecting) return;
    const timer = setTimeout(() => req.destroy(new Error("connecting took too long")), CONNECT_TIMEOUT_MS);
    const done = (): void => clearTimeout(timer);
    socket.once("secureConnect", done);
    socket.once("close", done);
  });
}
