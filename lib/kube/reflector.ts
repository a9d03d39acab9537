import { type BackoffLimits, fullJitterMs, pause } from "./backoff.ts";
import { ApiError, type KubeClient, type Selection, type WatchEvent } from "./client.ts";
import { isGone } from "./errors.ts";
import { describe, type Log } from "./log.ts";
import type { Kind, KubeObject } from "./object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** Receives the state of the server: first the whole list, then each change; after a gap the whole list again. */
export interface Sink<T extends KubeObject> {
  replace(items: readonly T[], resourceVersion: string): void;
  change(event: WatchEvent<T>): void;
}

export interface ReflectorOptions extends Selection {
  /** A watch that is silent for so many milliseconds counts as dead. Servers send a bookmark every minute. */
  readonly inactivityMs: number;
  readonly backoff: BackoffLimits;
  readonly log: Log;
  /** Called for each watch after the first one, and for each list after the first one. */
  readonly onRestart: () => void;
  readonly onRelist: () => void;
  readonly onError: (error: unknown) => void;
}

/** A watch that lasted so long counts as healthy, however it ended. */
const HEALTHY_MS = 10_000;

/** Restoring a backup takes longer than this, so after a shorter break the server is still the same. */
const LONG_BREAK_MS = 30_000;

/** Time limit of the small request that checks the server's version. */
const CHECK_MS = 10_000;

/** Keeps the sink equal to the server until the signal aborts. Never rejects: after an error it backs off and retries. */
export class Reflector<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #kind: Kind<T>;
  readonly #sink: Sink<T>;
  readonly #options: ReflectorOptions;
  /** The version to watch from; undefined: a list is needed. */
  #resourceVersion: string | undefined;
  /** When the connection broke. The server may have been replaced since, with older storage. */
  #brokenAt: number | undefined;
  #failures = 0;
  #lists = 0;
  #watches = 0;

  constructor(client: KubeClient, kind: Kind<T>, sink: Sink<T>, options: ReflectorOptions) {
    this.#client = client;
    this.#kind = kind;
    this.#sink = sink;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      try {
        await this.#once(signal);
        if (performance.now() - began >= HEALTHY_MS) this.#failures = 0;
        else this.#failures += 1;
      } catch (error) {
        if (signal.aborted) return;
        if (performance.now() - began >= HEALTHY_MS) this.#failures = 0;
        this.#failures += 1;
        this.#recordFailure(error);
      }
      if (this.#failures > 0) await pause(this.#delayMs(), signal);
    }
  }

  #retryAfterMs = 0;

  #delayMs(): number {
    const ms = Math.max(fullJitterMs(this.#failures - 1, this.#options.backoff), this.#retryAfterMs);
    this.#retryAfterMs = 0;
    return ms;
  }

  #recordFailure(error: unknown): void {
    const { log, onError } = this.#options;
    if (isGone(error)) this.#resourceVersion = undefined;
    else if (!(error instanceof ApiError)) this.#brokenAt ??= performance.now();
    if (error instanceof ApiError && error.retryAfterSeconds !== undefined) this.#retryAfterMs = error.retryAfterSeconds * 1000;
    onError(error);
    // Where nothing changes for a long time, an API server sends no bookmarks either, so silence is no fault.
    log[error instanceof InactiveWatch ? "debug" : "warn"]("watch interrupted", {
      kind: this.#kind.kind,
      failures: this.#failures,
      relist: this.#resourceVersion === undefined,
      error: describe(error),
    });
  }

  /** One list if needed, then one watch until it ends. */
  async #once(signal: AbortSignal): Promise<void> {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    const selection = { namespace, labelSelector, fieldSelector };
    if (this.#brokenAt !== undefined && this.#resourceVersion !== undefined)
      await this.#checkServerVersion(this.#resourceVersion, this.#brokenAt, signal);
    this.#brokenAt = undefined;
    if (this.#resourceVersion === undefined) {
      if (this.#lists++ > 0) this.#options.onRelist();
      const { items, resourceVersion } = await this.#client.list(this.#kind, { ...selection, signal });
      this.#sink.replace(items, resourceVersion);
      this.#resourceVersion = resourceVersion;
    }
    if (this.#watches++ > 0) this.#options.onRestart();
    await this.#watch(this.#resourceVersion, selection, signal);
  }

  async #watch(resourceVersion: string, selection: Selection, signal: AbortSignal): Promise<void> {
    const inactivity = new InactivityTimer(this.#options.inactivityMs, signal);
    // Random timeouts spread the watches, so that they do not all restart at once.
    const timeoutSeconds = 300 + Math.floor(Math.random() * 300);
    try {
      for await (const event of this.#client.watch(this.#kind, {
        ...selection,
        resourceVersion,
        signal: inactivity.signal,
        timeoutSeconds,
      })) {
        inactivity.reset();
        this.#sink.change(event);
        this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
        this.#failures = 0;
      }
    } catch (error) {
      if (inactivity.expired) this.#client.renewConnections();
      throw inactivity.expired ? new InactiveWatch(`the watch was silent for ${this.#options.inactivityMs} ms`) : error;
    } finally {
      inactivity.end();
    }
  }

  /**
   * A server that was restored from a backup continues at an older version. A watch from a version that it has not reached would stay silent
   * until the server reaches it, and miss every change before. So a list of one item first shows the server's version.
   * After a long break the server may have passed that version already, and only a whole list is safe.
   */
  async #checkServerVersion(resourceVersion: string, brokenAt: number, signal: AbortSignal): Promise<void> {
    if (performance.now() - brokenAt > LONG_BREAK_MS) {
      this.#resourceVersion = undefined;
      return;
    }
    const path = this.#kind.apiVersion.includes("/") ? `/apis/${this.#kind.apiVersion}` : `/api/${this.#kind.apiVersion}`;
    const { namespace } = this.#options;
    const scope = namespace === undefined ? "" : `/namespaces/${namespace}`;
    const fieldSelector =
      this.#options.fieldSelector === undefined ? "" : `&fieldSelector=${encodeURIComponent(this.#options.fieldSelector)}`;
    const page = (await this.#client.request("GET", `${path}${scope}/${this.#kind.plural}?limit=1${fieldSelector}`, {
      signal,
      timeoutMs: CHECK_MS,
    })) as {
      metadata: { resourceVersion: string };
    };
    if (compareResourceVersions(page.metadata.resourceVersion, resourceVersion) < 0) {
      this.#options.log.warn("the server has an older resource version than before, listing again", {
        kind: this.#kind.kind,
        was: resourceVersion,
        is: page.metadata.resourceVersion,
      });
      this.#resourceVersion = undefined;
    }
  }
}

class InactiveWatch extends Error {}

/** Aborts its signal when `reset` was not called for `ms` milliseconds, or when the outer signal aborts. */
class InactivityTimer {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal;
  expired = false;

  constructor(ms: number, outer: AbortSignal) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.expired = true;
      this.#controller.abort();
    }, ms);
    if (outer.aborted) this.#controller.abort();
    outer.addEventListener("abort", this.#forward);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #forward = (): void => this.#controller.abort();

  reset(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#forward);
  }
}
