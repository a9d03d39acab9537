import { pause } from "./backoff.ts";
import { type ApiError, errorFromStatus, FencedError, isNotFound } from "./errors.ts";
import { lines } from "./lines.ts";
import { type Key, type Kind, type KubeObject, keyOf } from "./object.ts";
import { collectionPath, objectPath, type Query, withQuery } from "./paths.ts";
import { type ClientTransport, type Connection, Transport, type TransportResponse } from "./transport.ts";

export {
  ApiError,
  ConnectionError,
  FencedError,
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isInvalid,
  isNotFound,
  isTransient,
  TimeoutError,
} from "./errors.ts";
export type { Connection } from "./transport.ts";

/** Whether this process may write, and for how long. Leader election provides it, and a fenced client checks it before each write. */
export interface Fence {
  mayWrite(): boolean;
  /** Milliseconds for which writing is still allowed; 0 when it is not. */
  remainingMs(): number;
}

export interface WatchEvent<T extends KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  /** For a bookmark, only `metadata.resourceVersion` is meaningful. */
  readonly object: T;
}

export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

interface Cancel {
  readonly signal?: AbortSignal | undefined;
}
interface Writing extends Cancel {
  readonly fieldManager?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

const APPLY = "application/apply-patch+yaml";
const PATCH = { merge: "application/merge-patch+json", json: "application/json-patch+json" } as const;
const READ_METHODS = new Set(["GET", "HEAD"]);
const PAGE = 500;
/** A write is not sent when less time than this is left of the lease: its response would hardly arrive in time. */
const MIN_WRITE_MS = 250;

/** A typed client for one API server. Safe to share; all methods may run concurrently. Errors: ApiError, ConnectionError, TimeoutError, FencedError. */
export class KubeClient {
  readonly #transport: ClientTransport;
  readonly #timeoutMs: number;
  readonly #userAgent: string;
  #fence: Fence | undefined;

  constructor(connection: Connection | ClientTransport, options: { userAgent?: string; timeoutMs?: number } = {}) {
    this.#transport = "send" in connection ? connection : new Transport(connection);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#userAgent = options.userAgent ?? "drover";
  }

  /** The same client on the same connections, but each write first checks the fence, and its time limit ends with the lease. */
  fenced(fence: Fence): KubeClient {
    const client = new KubeClient(this.#transport, { userAgent: this.#userAgent, timeoutMs: this.#timeoutMs });
    client.#fence = fence;
    return client;
  }

  async get<T extends KubeObject>(kind: Kind<T>, key: Key, o: Cancel = {}): Promise<T> {
    return (await this.request("GET", objectPath(kind, key), o)) as T;
  }

  /** Undefined only when the server says that the object does not exist. */
  async find<T extends KubeObject>(kind: Kind<T>, key: Key, o: Cancel = {}): Promise<T | undefined> {
    try {
      return await this.get(kind, key, o);
    } catch (error) {
      if (isNotFound(error) && (error as ApiError).reason === "NotFound") return undefined;
      throw error;
    }
  }

  /** The whole list, fetched in pages. All pages show the state at the returned resourceVersion, from which a watch can continue. */
  async list<T extends KubeObject>(
    kind: Kind<T>,
    o: Selection & Cancel & { pageSize?: number } = {},
  ): Promise<{ items: T[]; resourceVersion: string }> {
    const items: T[] = [];
    const { namespace, labelSelector, fieldSelector, signal, pageSize = PAGE } = o;
    for (let next: string | undefined; ; ) {
      const path = withQuery(collectionPath(kind, namespace), { limit: pageSize, continue: next, labelSelector, fieldSelector });
      const page = (await this.request("GET", path, { signal })) as {
        metadata: { resourceVersion: string; continue?: string };
        items: T[] | null;
      };
      // Items of a list have neither apiVersion nor kind; callers rely on both.
      for (const item of page.items ?? []) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
      next = page.metadata.continue || undefined;
      if (next === undefined) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  /**
   * Yields changes after `resourceVersion`, bookmarks included. The iteration ends when the server ends the watch; an abort throws.
   * An ERROR event is thrown as ApiError, with code 410 when the version is too old.
   */
  async *watch<T extends KubeObject>(
    kind: Kind<T>,
    o: Selection & { resourceVersion: string; signal: AbortSignal; timeoutSeconds?: number },
  ): AsyncGenerator<WatchEvent<T>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, signal, timeoutSeconds } = o;
    const path = withQuery(collectionPath(kind, namespace), {
      watch: 1,
      allowWatchBookmarks: true,
      resourceVersion,
      labelSelector,
      fieldSelector,
      timeoutSeconds,
    });
    const { head, body } = await this.#transport.stream({
      method: "GET",
      path,
      headers: this.#headers(),
      signal,
      timeoutMs: this.#timeoutMs,
    });
    if (head.status !== 200) throw errorOf({ ...head, text: await body.text() }, `WATCH ${path}`);
    for await (const line of lines(body)) {
      const event = JSON.parse(line) as WatchEvent<T> | { type: "ERROR"; object: { code?: number } };
      if (event.type === "ERROR") throw errorFromStatus(event.object.code ?? 500, event.object, `WATCH ${path}`);
      yield event;
    }
  }

  async create<T extends KubeObject>(kind: Kind<T>, object: T, o: Writing = {}): Promise<T> {
    const path = withQuery(collectionPath(kind, object.metadata.namespace), writeQuery(o));
    return (await this.request("POST", path, { body: object, signal: o.signal })) as T;
  }

  /** PUT. With a resourceVersion in the object it succeeds only while that is the current one. */
  async replace<T extends KubeObject>(kind: Kind<T>, object: T, o: Writing & { subresource?: string } = {}): Promise<T> {
    const path = withQuery(objectPath(kind, keyOf(object), o.subresource), writeQuery(o));
    return (await this.request("PUT", path, { body: object, signal: o.signal })) as T;
  }

  /** Server-side apply; `force` (the default) takes fields over from other managers. */
  async apply<T extends KubeObject>(
    kind: Kind<T>,
    object: KubeObject,
    o: Cancel & { fieldManager: string; force?: boolean; subresource?: "status"; dryRun?: boolean },
  ): Promise<T> {
    const path = withQuery(objectPath(kind, keyOf(object), o.subresource), { ...writeQuery(o), force: o.force ?? true });
    return (await this.request("PATCH", path, { body: object, contentType: APPLY, signal: o.signal })) as T;
  }

  async patch<T extends KubeObject>(
    kind: Kind<T>,
    key: Key,
    patch: unknown,
    o: Writing & { type: "merge" | "json"; subresource?: string },
  ): Promise<T> {
    const path = withQuery(objectPath(kind, key, o.subresource), writeQuery(o));
    return (await this.request("PATCH", path, { body: patch, contentType: PATCH[o.type], signal: o.signal })) as T;
  }

  /** With a uid or resourceVersion it deletes only exactly that object in that state, and otherwise fails with a conflict. */
  async delete(
    kind: Kind<KubeObject>,
    key: Key,
    o: Cancel & {
      uid?: string | undefined;
      resourceVersion?: string | undefined;
      propagationPolicy?: "Foreground" | "Background" | "Orphan";
      dryRun?: boolean;
    } = {},
  ): Promise<void> {
    const preconditions = { ...(o.uid ? { uid: o.uid } : {}), ...(o.resourceVersion ? { resourceVersion: o.resourceVersion } : {}) };
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      ...(Object.keys(preconditions).length > 0 ? { preconditions } : {}),
      ...(o.propagationPolicy ? { propagationPolicy: o.propagationPolicy } : {}),
      ...(o.dryRun ? { dryRun: ["All"] } : {}),
    };
    await this.request("DELETE", objectPath(kind, key), { body, signal: o.signal });
  }

  /** A token of a ServiceAccount (TokenRequest), with its audiences. Without `audiences` it is for the API server itself. */
  async requestToken(
    serviceAccount: Key,
    o: Cancel & { audiences?: readonly string[]; expirationSeconds?: number } = {},
  ): Promise<{ token: string; expirationTimestamp: string; audiences: readonly string[] }> {
    const kind = { apiVersion: "v1", kind: "ServiceAccount", plural: "serviceaccounts", namespaced: true };
    const spec = {
      ...(o.audiences ? { audiences: o.audiences } : {}),
      ...(o.expirationSeconds ? { expirationSeconds: o.expirationSeconds } : {}),
    };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const answer = await this.request("POST", objectPath(kind, serviceAccount, "token"), { body, signal: o.signal });
    const { spec: granted, status } = answer as {
      spec: { audiences: readonly string[] };
      status: { token: string; expirationTimestamp: string };
    };
    return { ...status, audiences: granted.audiences };
  }

  /**
   * Any request; the path begins with "/api…" and is sent unchanged. Returns the parsed JSON body, or the text when it is not JSON.
   * A 429 or 503 with Retry-After was not processed: the request is retried after that time, as long as the time limit allows.
   */
  async request(
    method: string,
    path: string,
    o: Cancel & { body?: unknown; contentType?: string; timeoutMs?: number } = {},
  ): Promise<unknown> {
    const end = performance.now() + this.#limitMs(method, path, o.timeoutMs ?? this.#timeoutMs);
    for (;;) {
      const timeoutMs = Math.ceil(Math.min(end - performance.now(), this.#limitMs(method, path, Number.POSITIVE_INFINITY)));
      const answer = await this.#transport.send({
        method,
        path,
        headers: this.#headers(o.body === undefined ? undefined : (o.contentType ?? "application/json")),
        ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
        signal: o.signal,
        timeoutMs: Math.max(timeoutMs, 1),
      });
      if (answer.status < 300) return parsed(answer.text);
      const error = errorOf(answer, `${method} ${path}`);
      const waitMs = retryMs(error);
      if (waitMs === undefined || performance.now() + waitMs >= end) throw error;
      await pause(waitMs, o.signal ?? NEVER_ABORTED);
      o.signal?.throwIfAborted();
    }
  }

  /** Later requests use new connections. Call it when a connection proved to be dead. */
  renewConnections(): void {
    this.#transport.renew();
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  /** The time limit of a request in milliseconds; for a write, no longer than the fence allows. */
  #limitMs(method: string, path: string, wantedMs: number): number {
    if (this.#fence === undefined || READ_METHODS.has(method)) return wantedMs;
    const remainingMs = this.#fence.mayWrite() ? this.#fence.remainingMs() : 0;
    if (remainingMs < MIN_WRITE_MS) throw new FencedError(`${method} ${path}: not sent, this process does not hold its lease`);
    return Math.min(wantedMs, remainingMs);
  }

  #headers(contentType?: string): Record<string, string> {
    // As client-go does: some paths, such as the keys of the token issuer, have a different content type.
    const headers = { accept: "application/json, */*", "user-agent": this.#userAgent };
    return contentType === undefined ? headers : { ...headers, "content-type": contentType };
  }
}

const NEVER_ABORTED = new AbortController().signal;

const writeQuery = (o: { fieldManager?: string | undefined; dryRun?: boolean | undefined }): Query => ({
  fieldManager: o.fieldManager,
  dryRun: o.dryRun ? "All" : undefined,
});

/** The delay before a retry; undefined: no retry. Jitter spreads clients that were refused at the same time. */
function retryMs(error: ApiError): number | undefined {
  if ((error.code !== 429 && error.code !== 503) || error.retryAfterSeconds === undefined) return undefined;
  return error.retryAfterSeconds * 1000 + Math.random() * 250;
}

function errorOf(answer: TransportResponse, request: string): ApiError {
  const retryAfter = answer.headers["retry-after"];
  return errorFromStatus(answer.status, parsed(answer.text), request, typeof retryAfter === "string" ? retryAfter : undefined);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
