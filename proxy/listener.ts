// One port for HTTP/2, HTTP/1.1 and changes of protocol, with bounds on what a stranger can hold open. Hands each request on as a
// Client; what is not even HTTP is answered here.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { boundConnections, type ConnectionBounds } from "../lib/limits/connections.ts";
import type { Certificate } from "./certificate.ts";
import { type Client, clientOfHttp1, clientOfHttp2 } from "./client.ts";
import { Refusal } from "./refusal.ts";
import type { Incoming } from "./request.ts";
import { refuseSocket } from "./upgrade.ts";

export interface Handlers {
  request(client: Client): void;
  upgrade(incoming: Incoming, socket: Duplex, behind: Buffer): void;
  /** Something that was not understood, and was refused. */
  malformed(refusal: Refusal, peer: string): void;
}

export interface Listener {
  readonly port: number;
  use(certificate: Certificate): void;
  /** Stops listening, lets idle clients go, and ends the rest when the time is over. */
  close(patienceMs: number): Promise<void>;
}

/** A person's groups alone may take some kilobytes, but those travel in the tunnel, not here. */
const MAX_HEADER_BYTES = 64 * 1024;
/** For the handshake and for a request's head. */
const PATIENCE_MS = 10_000;
const IDLE_MS = 75_000;
/** What a client may upload before we have read it: per request, and per connection. */
const STREAM_WINDOW_BYTES = 256 * 1024;
const SESSION_WINDOW_BYTES = 1024 * 1024;
const REQUESTS_PER_CONNECTION = 1_000;
/**
 * Requests that a client cancels, at once and per second. Beyond it the connection ends, with all that is innocent on it, so this is only
 * for what costs us something to parse: informers that begin again cancel thousands (node's own limit is 1,000 and 33). What a cancelled
 * request costs a cluster is bounded for each user.
 */
const CANCELS = { streamResetBurst: 20_000, streamResetRate: 1_000 };

export async function listen(
  { host, port }: { readonly host: string; readonly port: number },
  bounds: ConnectionBounds,
  certificate: Certificate,
  handlers: Handlers,
): Promise<Listener> {
  const server = createSecureServer({
    ...certificate,
    minVersion: "TLSv1.2",
    allowHTTP1: true,
    handshakeTimeout: PATIENCE_MS,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: REQUESTS_PER_CONNECTION,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
    maxSessionMemory: 64,
    ...CANCELS,
    // An answer may have two headers ETag: not for us to judge, and no reason to end its stream without a status.
    strictSingleValueFields: false,
    // Options of node:http, which serves the connections that do not choose HTTP/2.
    ...{ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: PATIENCE_MS, requestTimeout: 0, keepAliveTimeout: IDLE_MS },
  });
  // Also where these are not read from the options: requests may last for days, their heads may not.
  server.setTimeout(0);
  Object.assign(server, { headersTimeout: PATIENCE_MS, requestTimeout: 0, keepAliveTimeout: IDLE_MS });
  boundConnections(server, bounds);
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<TLSSocket>();
  serveHttp2(server, sessions, handlers);
  serveHttp1(server, sockets, handlers);
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
    close: (patienceMs) => close(server, sessions, sockets, patienceMs),
  };
}

function serveHttp2(server: Http2SecureServer, sessions: Set<ServerHttp2Session>, handlers: Handlers): void {
  server.on("session", (session) => {
    sessions.add(session);
    let open = 0;
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.setTimeout(IDLE_MS, () => open === 0 && session.close());
    session.on("stream", (stream) => {
      open++;
      stream.once("close", () => open--);
    });
    session.on("error", () => {});
    session.once("close", () => sessions.delete(session));
  });
  server.on("sessionError", () => {});
  server.on("stream", (stream: ServerHttp2Stream, _headers: unknown, flags: number, rawHeaders: string[]) =>
    handlers.request(clientOfHttp2(stream, rawHeaders, flags)),
  );
}

function serveHttp1(server: Http2SecureServer, sockets: Set<TLSSocket>, handlers: Handlers): void {
  const ours = server.listeners("stream");
  server.on("request", (req, res) => {
    if (req.httpVersionMajor < 2) handlers.request(clientOfHttp1(req as unknown as IncomingMessage, res as unknown as ServerResponse));
  });
  // Listening for "request" also brings node's emulation of HTTP/1 objects for each HTTP/2 stream, which have been served by then.
  for (const listener of server.listeners("stream")) if (!ours.includes(listener)) server.off("stream", listener as () => void);
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    // What a watch says is small and must not wait for the client to acknowledge what it said before.
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("upgrade", (req: IncomingMessage, socket: TLSSocket, behind: Buffer) => {
    handlers.upgrade(incomingOf(req), socket, behind);
  });
  server.on("connect", (req: IncomingMessage, socket: TLSSocket) => {
    const refusal = new Refusal("MethodNotAllowed", "CONNECT is not served here");
    refuseSocket(socket, refusal);
    handlers.malformed(refusal, incomingOf(req).peer);
  });
  const refused = new WeakSet<Duplex>();
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    // The parser objects again to each piece of what it has objected to; closing now would take the answer away.
    if (refused.has(socket)) return;
    refused.add(socket);
    const peer = (socket as TLSSocket).remoteAddress ?? "";
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const refusal = refusalOf(error.code);
    refuseSocket(socket, refusal);
    handlers.malformed(refusal, peer);
  });
}

const incomingOf = (req: IncomingMessage): Incoming => ({
  method: req.method ?? "",
  url: req.url ?? "",
  rawHeaders: req.rawHeaders,
  peer: req.socket.remoteAddress ?? "",
});

/** `code`: of the HTTP parser. What it objected to is never repeated: it may be a token. */
function refusalOf(code: string | undefined): Refusal {
  if (code === "HPE_HEADER_OVERFLOW") return new Refusal("HeadersTooLarge", `the headers take more than ${MAX_HEADER_BYTES / 1024} KiB`);
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return new Refusal("RequestTooSlow", "the request's head took too long");
  return new Refusal("MalformedRequest", "this is not a well-formed HTTP request");
}

async function close(
  server: Http2SecureServer,
  sessions: Set<ServerHttp2Session>,
  sockets: Set<TLSSocket>,
  patienceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of sessions) session.close();
  const timer = setTimeout(() => {
    for (const session of sessions) session.destroy();
    for (const socket of sockets) socket.destroy();
  }, patienceMs);
  await closed;
  clearTimeout(timer);
}
