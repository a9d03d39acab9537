// The requests on one HTTP/2 connection, and when the connection has to end. Refused requests do not keep it open.
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

/**
 * Requests that may be open at once on a connection: before a request on it was authenticated, and after. The first number is what clients
 * assume before they receive any limit, so that none of their first requests is refused for it.
 */
export const UNAUTHENTICATED_STREAMS = 100;
const AUTHENTICATED_STREAMS = 1_000;

export class Http2Connection {
  readonly #session: ServerHttp2Session;
  readonly #socket: Duplex;
  readonly #idle: NodeJS.Timeout;
  /** Requests that are not refused, or not yet. */
  readonly #served = new Set<ServerHttp2Stream>();
  #streams = 0;
  #authenticated = false;

  /** `socket`: the session's own. */
  constructor(session: ServerHttp2Session, socket: Duplex, idleMs: number) {
    this.#session = session;
    this.#socket = socket;
    this.#idle = setTimeout(() => this.#served.size === 0 && this.#destroy(), idleMs).unref();
    session.once("close", () => clearTimeout(this.#idle));
  }

  /** Open requests, refused ones included. */
  get streams(): number {
    return this.#streams;
  }

  opened(stream: ServerHttp2Stream): void {
    this.#streams++;
    this.#served.add(stream);
    stream.once("close", () => {
      this.#streams--;
      this.#leave(stream);
    });
  }

  /** A request of this connection has an answer that is no refusal, so its client is authenticated. */
  authenticated(): void {
    if (this.#authenticated || this.#session.destroyed) return;
    this.#authenticated = true;
    this.#session.settings({ maxConcurrentStreams: AUTHENTICATED_STREAMS });
  }

  refused(stream: ServerHttp2Stream): void {
    this.#leave(stream);
  }

  /** Ends a refused request, and with it a connection that carries nothing else. Without a stream: ends the connection. */
  end(stream: ServerHttp2Stream | undefined): void {
    if (stream !== undefined && this.#served.size > 0) stream.close(constants.NGHTTP2_CANCEL);
    else this.#destroy();
  }

  #destroy(): void {
    this.#session.destroy();
    // A session that is closing already would wait for the client to end the connection.
    setImmediate(() => this.#socket.destroy());
  }

  #leave(stream: ServerHttp2Stream): void {
    if (this.#served.delete(stream) && this.#served.size === 0 && !this.#session.destroyed) this.#idle.refresh();
  }
}
