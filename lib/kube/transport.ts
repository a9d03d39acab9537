import type { Socket } from "node:net";
import { buildConnector, type Dispatcher, Pool } from "undici";
import { openTCP, outboundProxy } from "../outbound/connect.ts";
import { type Authorities, type TLSOptions, tlsOptions } from "../outbound/trust.ts";
import { ConnectionError, TimeoutError } from "./errors.ts";
import { describe } from "./log.ts";

const RENEW_AT_MOST_EVERY_MS = 5_000;

/** The address of an API server, and how to connect to it. TLS is always verified, against `ca` or the authorities of the system. */
export interface Connection {
  /** Base URL, https only; may have a path prefix. */
  readonly server: string;
  readonly ca?: Authorities;
  /** PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Called before each request, so that tokens can rotate. */
  readonly token?: () => Promise<string | undefined>;
  /** Called for each new TCP connection, so that client certificates can rotate. Has precedence over `cert` and `key`. */
  readonly certificate?: () => Promise<{ readonly cert: string; readonly key: string } | undefined>;
  /** The name that the server's certificate must carry, when it is not the host of `server`. */
  readonly serverName?: string;
  /** Sent with each request (impersonation from a kubeconfig). */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** The outbound proxy to use; may contain a user and a password. Absent: as HTTPS_PROXY and NO_PROXY say. */
  readonly proxyURL?: string;
  /** The server refused the token or certificate (401): cached credentials must not be used again. */
  readonly onUnauthorized?: () => void;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface TransportRequest {
  readonly method: string;
  /** From "/api" or "/apis" on, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** How a client sends its requests. */
export type ClientTransport = Pick<Transport, "send" | "stream" | "renew" | "close">;

/**
 * HTTP to one API server. Watches use separate connections, so that any number of them never delays a unary request. Unary requests share
 * a limited number of keep-alive connections, which also limits the requests that one process makes at once.
 */
export class Transport {
  readonly #connection: Connection;
  readonly #prefix: string;
  readonly #origin: string;
  readonly #options: Pool.Options;
  #unary: Pool;
  #streams: Pool;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(connection: Connection) {
    const url = new URL(connection.server);
    if (url.protocol !== "https:") throw new Error(`the API server must be reached over https, not ${connection.server}`);
    this.#connection = connection;
    this.#prefix = url.pathname.replace(/\/+$/, "");
    this.#origin = url.origin;
    // An API server keeps an idle connection for 90 s; a shorter time avoids writing to one that is being closed.
    this.#options = { connect: connector(connection), pipelining: 1, keepAliveTimeout: 60_000, keepAliveMaxTimeout: 80_000 };
    [this.#unary, this.#streams] = this.#pools();
  }

  #pools(): [unary: Pool, streams: Pool] {
    return [new Pool(this.#origin, { ...this.#options, connections: 32 }), new Pool(this.#origin, { ...this.#options, connections: null })];
  }

  /**
   * Later requests use new connections; open requests are not touched. Call it when a connection proved to be dead without having
   * been closed, because the idle connections of the pool are probably dead too. Several calls in a short time have the effect of one.
   */
  renew(): void {
    if (performance.now() - this.#renewedAt < RENEW_AT_MOST_EVERY_MS) return;
    this.#renewedAt = performance.now();
    for (const old of [this.#unary, this.#streams]) old.close().catch(() => {});
    [this.#unary, this.#streams] = this.#pools();
  }

  /** One request with its whole response. `timeoutMs` limits everything from waiting for a connection to the last byte. */
  async send(request: TransportRequest): Promise<TransportResponse> {
    const limit = new Limit(request.signal, request.timeoutMs);
    try {
      const answer = await this.#request(this.#unary, request, limit.signal, request.timeoutMs);
      answer.body.on("error", () => {}); // text() rejects with it
      const text = await answer.body.text();
      return { status: answer.statusCode, headers: answer.headers, text };
    } catch (error) {
      if (limit.timedOut) this.renew();
      throw limit.timedOut
        ? new TimeoutError(`${request.method} ${request.path}: no answer within ${request.timeoutMs} ms`)
        : this.#explain(request, error);
    } finally {
      limit.done();
    }
  }

  /** One request whose response has no end; the signal ends it. `timeoutMs` limits the wait for the response head. */
  async stream(
    request: TransportRequest & { readonly signal: AbortSignal },
  ): Promise<{ head: Omit<TransportResponse, "text">; body: Dispatcher.ResponseData["body"] }> {
    try {
      const answer = await this.#request(this.#streams, request, request.signal, 0);
      // The reader of the body gets its error. Without a reader, the error must not end the process as unhandled.
      answer.body.on("error", () => {});
      return { head: { status: answer.statusCode, headers: answer.headers }, body: answer.body };
    } catch (error) {
      throw this.#explain(request, error);
    }
  }

  async #request(pool: Pool, request: TransportRequest, signal: AbortSignal, bodyTimeout: number): Promise<Dispatcher.ResponseData> {
    const token = await orAborted(signal, Promise.resolve(this.#connection.token?.()));
    const answer = pool.request({
      method: request.method as Dispatcher.HttpMethod,
      path: this.#prefix + request.path,
      headers: { ...this.#connection.headers, ...request.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: request.body ?? null,
      signal,
      headersTimeout: request.timeoutMs,
      bodyTimeout,
    });
    const { statusCode } = await orAborted(signal, answer);
    if (statusCode === 401) this.#refused();
    return await answer;
  }

  /** A keep-alive connection keeps the client certificate with which it was opened, even when that expired or was replaced. */
  #refused(): void {
    this.#connection.onUnauthorized?.();
    if (this.#connection.certificate !== undefined) this.renew();
  }

  #explain(request: TransportRequest, error: unknown): Error {
    if (request.signal?.aborted) return error instanceof Error ? error : new Error(String(error));
    return new ConnectionError(`${request.method} ${this.#connection.server}${request.path}: ${describe(error)}`, error);
  }

  /** Ends all open requests. */
  async close(): Promise<void> {
    await Promise.all([this.#unary.destroy(), this.#streams.destroy()]);
  }
}

/** The promise, or a rejection as soon as the signal aborts: undici notices an abort only once a connection exists. */
async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
    promise.catch(() => {});
  }
}

/** Combines a time limit with a caller's signal. `done` removes both, so that long-lived signals collect no listeners. */
class Limit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal | undefined;
  timedOut = false;

  constructor(outer: AbortSignal | undefined, ms: number) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.#controller.abort();
    }, ms);
    if (outer?.aborted) this.#controller.abort(outer.reason);
    outer?.addEventListener("abort", this.#forward);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #forward = (): void => this.#controller.abort(this.#outer?.reason);

  done(): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#forward);
  }
}

/** Reads the trusted authorities, the client certificate and the proxy variables for each new connection. */
function connector(connection: Connection): buildConnector.connector {
  const server = new URL(connection.server);
  let last: { readonly key: string; readonly connect: buildConnector.connector } | undefined;
  const prepare = async (): Promise<{ connect: buildConnector.connector; httpSocket?: Socket }> => {
    const pair = await connection.certificate?.();
    const tls = tlsOptions({ ...connection, ...pair });
    const key = JSON.stringify(tls);
    // A resumed TLS session is not verified again, so it is resumed only with the same authorities and certificate.
    if (last?.key !== key) last = { key, connect: connectorWith(tls) };
    const proxy = outboundProxy(server, connection);
    return { connect: last.connect, ...(proxy === undefined ? {} : { httpSocket: await openTCP(server, proxy) }) };
  };
  return (options, callback) => {
    prepare().then(
      ({ connect, httpSocket }) => {
        try {
          connect({ ...options, ...(httpSocket === undefined ? {} : { httpSocket }) }, callback);
        } catch (error) {
          // Unusable material, such as the new certificate with the old key while both are being replaced.
          httpSocket?.destroy();
          failed(callback, error);
        }
      },
      (error) => failed(callback, error),
    );
  };
}

const failed = (callback: buildConnector.Callback, error: unknown): void =>
  callback(error instanceof Error ? error : new Error(String(error)), null);

const connectorWith = (tls: TLSOptions): buildConnector.connector =>
  buildConnector({
    ...tls,
    // undici's HTTP/2 can hang when connections break: docs/decisions/0008-http1-to-api-servers.md
    allowH2: false,
    timeout: 10_000,
    keepAlive: true,
    keepAliveInitialDelay: 15_000,
  });
