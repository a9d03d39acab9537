// What is open on one connection over HTTP/2, and when it has to go. Only requests that are let in keep a connection.
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

/**
 * Requests that may be open at once on a connection: until one was let in, and after that. The first is what clients assume before they
 * hear of any limit, so that nobody's first requests are refused for it.
 */
export const STRANGERS_REQUESTS = 100;
const REQUESTS = 1_000;

export class Http2Connection {
  readonly #session: ServerHttp2Session;
  readonly #socket: Duplex;
  readonly #idle: NodeJS.Timeout;
  /** Those that were not refused, or not yet. */
  readonly #kept = new Set<ServerHttp2Stream>();
  #streams = 0;
  #known = false;

  /** `socket`: the session's own. */
  constructor(session: ServerHttp2Session, socket: Duplex, idleMs: number) {
    this.#session = session;
    this.#socket = socket;
    this.#idle = setTimeout(() => this.#kept.size === 0 && this.#destroy(), idleMs).unref();
    session.once("close", () => clearTimeout(this.#idle));
  }

  /** Requests that are open, those that were refused included. */
  get streams(): number {
    return this.#streams;
  }

  opened(stream: ServerHttp2Stream): void {
    this.#streams++;
    this.#kept.add(stream);
    stream.once("close", () => {
      this.#streams--;
      this.#leave(stream);
    });
  }

  /** A request of this connection has an answer that is no refusal: whoever asks is known. */
  letIn(): void {
    if (this.#known || this.#session.destroyed) return;
    this.#known = true;
    this.#session.settings({ maxConcurrentStreams: REQUESTS });
  }

  refused(stream: ServerHttp2Stream): void {
    this.#leave(stream);
  }

  /** Ends a refused request, and the connection with it when that carries nothing else; without one: the connection. */
  end(stream: ServerHttp2Stream | undefined): void {
    if (stream !== undefined && this.#kept.size > 0) stream.close(constants.NGHTTP2_CANCEL);
    else this.#destroy();
  }

  #destroy(): void {
    this.#session.destroy();
    // A session that was closing already would wait for the client to end the connection.
    setImmediate(() => this.#socket.destroy());
  }

  #leave(stream: ServerHttp2Stream): void {
    if (this.#kept.delete(stream) && this.#kept.size === 0 && !this.#session.destroyed) this.#idle.refresh();
  }
}
