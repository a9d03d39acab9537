// One port for HTTP/2, HTTP/1.1 and changes of protocol, with limits on what unauthenticated clients can hold open. Passes each request on as a
// Client; bytes that are no HTTP are answered here.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Certificate } from "../lib/server/certificate.ts";
import { type ConnectionLimits, limitConnections } from "../lib/server/connections.ts";
import { parserRefusal, refuseSocket } from "../lib/server/raw-answer.ts";
import { Refusal } from "../lib/server/refusal.ts";
import type { RawRequest } from "./admit.ts";
import { type Client, clientOfHttp1, clientOfHttp2, requestOfHttp1 } from "./client.ts";
import { Http2Connection, UNAUTHENTICATED_STREAMS } from "./http2-connection.ts";
import { PendingRefusals } from "./pending-refusals.ts";

export interface Handlers {
  request(client: Client): void;
  upgrade(request: RawRequest, socket: Duplex, behind: Buffer): void;
  /** Something that is no HTTP request was refused. */
  malformed(refusal: Refusal, peer: string): void;
}

/** What clients hold at the moment. */
export interface Held {
  readonly sockets: number;
  /** Connections over HTTP/2, and the requests that are open on them. */
  readonly sessions: number;
  readonly streams: number;
  /** Refused requests whose answer the client has not read yet, the bytes that they hold, and the limit of those. */
  readonly pendingRefusals: number;
  readonly pendingBytes: number;
  readonly pendingBudgetBytes: number;
}

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: ConnectionLimits;
  /** How long a connection may have no request that is served. */
  readonly idleMs?: number;
}

export interface Listener {
  readonly port: number;
  held(): Held;
  use(certificate: Certificate): void;
  /** Stops listening, closes idle connections, and ends the others when the time is over. */
  close(timeoutMs: number): Promise<void>;
}

/** A user's groups may take some kilobytes, but they travel in the tunnel, not here. */
const MAX_HEADER_BYTES = 64 * 1024;
/** For the handshake and for the head of a request. */
const TIMEOUT_MS = 10_000;
const IDLE_MS = 75_000;
/** What a client may send before it is read: per request, and per connection. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const SESSION_WINDOW_BYTES = 1024 * 1024;
/**
 * Requests that a client may cancel, at once and per second. Beyond it the connection ends with every other request on it, so this only limits
 * the cost of parsing: informers that start again cancel thousands (node's own limit is 1,000 and 33). What a cancelled request costs a cluster
 * is limited for each user.
 */
const CANCELS = { streamResetBurst: 20_000, streamResetRate: 1_000 };

export async function listen(
  { host, port, limits, idleMs = IDLE_MS }: ListenerOptions,
  certificate: Certificate,
  handlers: Handlers,
): Promise<Listener> {
  const server = createSecureServer({
    ...certificate,
    minVersion: "TLSv1.2",
    allowHTTP1: true,
    handshakeTimeout: TIMEOUT_MS,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: UNAUTHENTICATED_STREAMS,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
    maxSessionMemory: 64,
    ...CANCELS,
    // An answer may have two headers ETag, which is no reason to end its stream without a status.
    strictSingleValueFields: false,
    // Options of node:http, which serves the connections that do not choose HTTP/2.
    ...{ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: TIMEOUT_MS, requestTimeout: 0, keepAliveTimeout: IDLE_MS },
  });
  // Set once more for servers that do not read these options. Requests may last for days, their heads may not.
  server.setTimeout(0);
  Object.assign(server, { headersTimeout: TIMEOUT_MS, requestTimeout: 0, keepAliveTimeout: IDLE_MS });
  limitConnections(server, limits);
  const pending = new PendingRefusals();
  const sessions = new Map<ServerHttp2Session, Http2Connection>();
  const sockets = new Set<TLSSocket>();
  serveHttp2(server, { sessions, pending, idleMs }, handlers);
  serveHttp1(server, { sockets, pending }, handlers);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    use: (renewed) => server.setSecureContext({ ...renewed, minVersion: "TLSv1.2" }),
    held: () => ({
      sockets: sockets.size,
      sessions: sessions.size,
      streams: [...sessions.values()].reduce((sum, { streams }) => sum + streams, 0),
      pendingRefusals: pending.count,
      pendingBytes: pending.bytes,
      pendingBudgetBytes: pending.budgetBytes,
    }),
    close: (timeoutMs) => close(server, [...sessions.keys()], sockets, timeoutMs),
  };
}

interface Http2Parts {
  readonly sessions: Map<ServerHttp2Session, Http2Connection>;
  readonly pending: PendingRefusals;
  readonly idleMs: number;
}

function serveHttp2(server: Http2SecureServer, { sessions, pending, idleMs }: Http2Parts, handlers: Handlers): void {
  let accepted: TLSSocket;
  // The session of a connection is created while this event is emitted.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    accepted = socket;
  });
  server.on("session", (session) => {
    const connection = new Http2Connection(session, accepted, idleMs);
    sessions.set(session, connection);
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on("stream", (stream, _headers, flags, rawHeaders) => {
      connection.opened(stream);
      handlers.request(clientOfHttp2(stream, rawHeaders, flags, { connection, pending }));
    });
    session.on("error", () => {});
    session.once("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => {});
}

interface Http1Parts {
  readonly sockets: Set<TLSSocket>;
  readonly pending: PendingRefusals;
}

function serveHttp1(server: Http2SecureServer, { sockets, pending }: Http1Parts, handlers: Handlers): void {
  server.on("request", (req, res) => {
    if (req.httpVersionMajor >= 2) return;
    handlers.request(clientOfHttp1(req as unknown as IncomingMessage, res as unknown as ServerResponse, pending));
  });
  // Listening for "request" also makes node create HTTP/1 objects for each HTTP/2 stream, which are served by the session's own listener.
  server.removeAllListeners("stream");
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    // Events of a watch are small, and must not wait until the client has acknowledged the ones before.
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("upgrade", (req: IncomingMessage, socket: TLSSocket, behind: Buffer) => {
    handlers.upgrade(requestOfHttp1(req), socket, behind);
  });
  server.on("connect", (req: IncomingMessage, socket: TLSSocket) => {
    const refusal = new Refusal("MethodNotAllowed", "CONNECT is not served here");
    refuseSocket(socket, refusal);
    handlers.malformed(refusal, requestOfHttp1(req).peer);
  });
  const refused = new WeakSet<Duplex>();
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    // The parser reports each further piece of the same bytes. Closing now could make the client lose the answer.
    if (refused.has(socket)) return;
    refused.add(socket);
    const peer = (socket as TLSSocket).remoteAddress ?? "";
    const refusal = parserRefusal(error.code, MAX_HEADER_BYTES);
    if (refusal === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    refuseSocket(socket, refusal);
    handlers.malformed(refusal, peer);
  });
}

async function close(
  server: Http2SecureServer,
  sessions: readonly ServerHttp2Session[],
  sockets: ReadonlySet<TLSSocket>,
  timeoutMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
  }, timeoutMs);
  await closed;
  clearTimeout(timer);
}
