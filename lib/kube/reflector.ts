import { type BackoffLimits, fullJitterMs, pause } from "./backoff.ts";
import { ApiError, type KubeClient, type Selection, type WatchEvent } from "./client.ts";
import { isGone } from "./errors.ts";
import { describe, type Log } from "./log.ts";
import type { Kind, KubeObject } from "./object.ts";
import { compareResourceVersions } from "./resource-version.ts";

/** Receives what the server has: first everything, then each change, after a gap everything again. */
export interface Sink<T extends KubeObject> {
  replace(items: readonly T[], resourceVersion: string): void;
  change(event: WatchEvent<T>): void;
}

export interface ReflectorOptions extends Selection {
  /** A watch that says nothing for so long (not even a bookmark, which come every minute) is taken for dead. */
  readonly inactivityMs: number;
  readonly backoff: BackoffLimits;
  readonly log: Log;
  /** Called for each watch that begins after the first one, and for each list after the first one. */
  readonly onRestart: () => void;
  readonly onRelist: () => void;
  readonly onError: (error: unknown) => void;
}

/** A watch that lived so long was healthy, however it ended. */
const HEALTHY_MS = 10_000;

/** Restoring a backup takes longer than this. */
const LONG_BREAK_MS = 30_000;

/** A look is one small request: a server that needs longer is not well. */
const LOOK_MS = 10_000;

/** Keeps the sink equal to the server until the signal aborts. Never rejects: every error ends in a wait and another try. */
export class Reflector<T extends KubeObject> {
  readonly #client: KubeClient;
  readonly #kind: Kind<T>;
  readonly #sink: Sink<T>;
  readonly #options: ReflectorOptions;
  /** Where to go on; undefined: only a list helps. */
  #resourceVersion: string | undefined;
  /** Since when the connection is broken. The server may have become another one meanwhile, with older storage. */
  #lostAt: number | undefined;
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
        this.#note(error);
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

  #note(error: unknown): void {
    const { log, onError } = this.#options;
    if (isGone(error)) this.#resourceVersion = undefined;
    else if (!(error instanceof ApiError)) this.#lostAt ??= performance.now();
    if (error instanceof ApiError && error.retryAfterSeconds !== undefined) this.#retryAfterMs = error.retryAfterSeconds * 1000;
    onError(error);
    // Where nothing changes for long an API server sends no bookmarks either: then silence is how things are, not a fault.
    log[error instanceof SilentWatch ? "debug" : "warn"]("watch interrupted", {
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
    if (this.#lostAt !== undefined && this.#resourceVersion !== undefined) await this.#look(this.#resourceVersion, this.#lostAt, signal);
    this.#lostAt = undefined;
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
    const silence = new Silence(this.#options.inactivityMs, signal);
    // The server ends each watch after a time of its own choice unless told; spread, so that they do not all return at once.
    const timeoutSeconds = 300 + Math.floor(Math.random() * 300);
    try {
      for await (const event of this.#client.watch(this.#kind, { ...selection, resourceVersion, signal: silence.signal, timeoutSeconds })) {
        silence.broken();
        this.#sink.change(event);
        this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
        this.#failures = 0;
      }
    } catch (error) {
      if (silence.tooLong) this.#client.renewConnections();
      throw silence.tooLong ? new SilentWatch(`the watch was silent for ${this.#options.inactivityMs} ms`) : error;
    } finally {
      silence.end();
    }
  }

  /**
   * A server restored from a backup counts from an older version on. A watch from a version in its future would stay silent until the
   * server got there again, and everything in between would be lost: so a list of one item shows first where the server is.
   * After a long break it may even have got there already, and only a whole list is safe.
   */
  async #look(resourceVersion: string, lostAt: number, signal: AbortSignal): Promise<void> {
    if (performance.now() - lostAt > LONG_BREAK_MS) {
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
      timeoutMs: LOOK_MS,
    })) as {
      metadata: { resourceVersion: string };
    };
    if (compareResourceVersions(page.metadata.resourceVersion, resourceVersion) < 0) {
      this.#options.log.warn("the server went back in time, listing again", {
        kind: this.#kind.kind,
        was: resourceVersion,
        is: page.metadata.resourceVersion,
      });
      this.#resourceVersion = undefined;
    }
  }
}

class SilentWatch extends Error {}

/** Aborts its signal when nothing broke the silence for `ms`, or when the outer signal aborts. */
class Silence {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #outer: AbortSignal;
  tooLong = false;

  constructor(ms: number, outer: AbortSignal) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.tooLong = true;
      this.#controller.abort();
    }, ms);
    if (outer.aborted) this.#controller.abort();
    outer.addEventListener("abort", this.#forward);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly #forward = (): void => this.#controller.abort();

  broken(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#forward);
  }
}
