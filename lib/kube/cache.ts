import type { BackoffLimits } from "./backoff.ts";
import type { KubeClient, WatchEvent } from "./client.ts";
import { describe, type Log, silent } from "./log.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "./object.ts";
import { Reflector } from "./reflector.ts";
import { compareResourceVersions } from "./resource-version.ts";
import { type Indexes, Store } from "./store.ts";

export interface CacheOptions<T extends KubeObject> {
  readonly namespace?: string;
  /** Only the object of this name. */
  readonly name?: string;
  readonly labelSelector?: string;
  readonly indexes?: Indexes<T>;
  /** Applied before storing: to drop what nobody reads. */
  readonly transform?: (object: T) => T;
  /** Default 90 s: servers send a bookmark about every minute. */
  readonly inactivityMs?: number;
  /** Default 0–250 ms at first, up to 15 s. */
  readonly backoff?: BackoffLimits;
  readonly log?: Log;
  readonly onRelist?: () => void;
  readonly onRestart?: () => void;
}

type Listener<T> = (now: T | undefined, before: T | undefined) => void;

/** What the server has of one kind, kept up to date by a list and a watch. Objects in it are shared: never change one. */
export class Cache<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** Resolves with the first complete list; rejects when the cache is stopped before that. */
  readonly synced: Promise<void>;
  readonly #options: CacheOptions<T>;
  readonly #log: Log;
  readonly #reflector: Reflector<T>;
  readonly #listeners = new Set<Listener<T>>();
  readonly #store: Store<T>;
  readonly #settle: { resolve: () => void; reject: (reason: unknown) => void };
  #resourceVersion: string | undefined;
  #spokenAt: number | undefined;
  #lastError: string | undefined;

  constructor(client: KubeClient, kind: Kind<T>, options: CacheOptions<T> = {}) {
    this.kind = kind;
    this.#options = options;
    this.#log = options.log ?? silent;
    this.#store = new Store(options.indexes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#settle = { resolve, reject };
    // Whoever waits sees the rejection; a cache that nobody waits for must not end the process.
    promise.catch(() => {});
    this.#reflector = new Reflector(client, kind, this.#sink(), {
      namespace: options.namespace,
      labelSelector: options.labelSelector,
      fieldSelector: options.name === undefined ? undefined : `metadata.name=${options.name}`,
      inactivityMs: options.inactivityMs ?? 90_000,
      backoff: options.backoff ?? { baseMs: 250, capMs: 15_000 },
      log: this.#log,
      onRelist: options.onRelist ?? (() => {}),
      onRestart: options.onRestart ?? (() => {}),
      onError: (error) => {
        this.#lastError = describe(error);
      },
    });
  }

  /** Begins to list and watch, until the signal aborts. Once. */
  start(signal: AbortSignal): void {
    this.#reflector
      .run(signal)
      .catch((error: unknown) => this.#log.error("reflector ended", { kind: this.kind.kind, error: describe(error) }))
      .finally(() => this.#settle.reject(new Error(`the cache of ${this.kind.kind} was stopped before its first list`)));
  }

  get hasSynced(): boolean {
    return this.#resourceVersion !== undefined;
  }

  /** Why the cache is not (or may not be) up to date: the last error since the server last spoke. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The version up to which the server's changes are in. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#store.size;
  }

  /** True when an object of this key, if it exists, is in here: false for what the cache's selection leaves out (or may leave out). */
  covers(key: Key): boolean {
    const { namespace, name, labelSelector } = this.#options;
    return (
      labelSelector === undefined && (namespace === undefined || namespace === key.namespace) && (name === undefined || name === key.name)
    );
  }

  get(key: Key): T | undefined {
    return this.#store.get(key);
  }

  /** Sorted by namespace and name. */
  list(o: { namespace?: string | undefined } = {}): readonly T[] {
    return this.#store.list(o.namespace);
  }

  /** Sorted by namespace and name. Throws when no such index was declared. */
  byIndex(index: string, value: string): readonly T[] {
    return this.#store.byIndex(index, value);
  }

  /** Whether an object, which need not be in here, would be found under this value of the index. */
  hasIndexValue(index: string, value: string, object: T): boolean {
    return this.#store.hasIndexValue(index, value, object);
  }

  /** Called after the store has changed, synchronously, also for what the first list brought. Returns how to stop. */
  onChange(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Milliseconds since the server last spoke (list, event, bookmark), by the monotonic clock; Infinity before the first list. */
  staleForMs(): number {
    return this.#spokenAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - this.#spokenAt;
  }

  #sink() {
    return {
      replace: (items: readonly T[], resourceVersion: string): void => this.#replace(items, resourceVersion),
      change: (event: WatchEvent<T>): void => this.#change(event),
    };
  }

  /** A list tells what is there now: what is missing from it was deleted while nobody watched. Listeners hear of it when all of it is in. */
  #replace(items: readonly T[], resourceVersion: string): void {
    const listed = new Set(items.map((item) => keyString(keyOf(item))));
    const gone = this.#store.list().filter((old) => !listed.has(keyString(keyOf(old))));
    const changes: [now: T | undefined, before: T | undefined][] = gone.map((old) => [undefined, this.#store.delete(keyOf(old))]);
    for (const item of items) {
      if (isSame(item, this.#store.get(keyOf(item)))) continue;
      const now = this.#transformed(item);
      changes.push([now, this.#store.set(now)]);
    }
    this.#spoke(resourceVersion);
    this.#settle.resolve();
    for (const [now, before] of changes) this.#tell(now, before);
  }

  #change({ type, object }: WatchEvent<T>): void {
    this.#spoke(object.metadata.resourceVersion);
    if (type === "BOOKMARK") return;
    const now = type === "DELETED" ? undefined : this.#transformed(object);
    const before = now === undefined ? this.#store.delete(keyOf(object)) : this.#store.set(now);
    if (now !== undefined || before !== undefined) this.#tell(now, before);
  }

  #spoke(resourceVersion: string | undefined): void {
    this.#spokenAt = performance.now();
    this.#lastError = undefined;
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
  }

  #transformed(object: T): T {
    return this.#options.transform === undefined ? object : this.#options.transform(object);
  }

  #tell(now: T | undefined, old: T | undefined): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(now, old);
      } catch (error) {
        this.#log.error("a listener of a cache failed", { kind: this.kind.kind, error: describe(error) });
      }
    }
  }
}

const isSame = (a: KubeObject, b: KubeObject | undefined): boolean =>
  b !== undefined && a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;

/** True when `object` as the server returned it is not yet (and may still come to be) in the cache. */
export function isNewerThanCache(object: KubeObject, cache: { readonly resourceVersion: string | undefined }): boolean {
  const { resourceVersion } = object.metadata;
  return (
    resourceVersion !== undefined &&
    (cache.resourceVersion === undefined || compareResourceVersions(resourceVersion, cache.resourceVersion) > 0)
  );
}
