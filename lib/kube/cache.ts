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
  /** Applied before storing, to drop fields that are not read. */
  readonly transform?: (object: T) => T;
  /** A watch silent for so many milliseconds is restarted. Default 90 s: servers send a bookmark about every minute. */
  readonly inactivityMs?: number;
  /** Default: 0–250 ms at first, up to 15 s. */
  readonly backoff?: BackoffLimits;
  readonly log?: Log;
  readonly onRelist?: () => void;
  readonly onRestart?: () => void;
}

type Listener<T> = (now: T | undefined, before: T | undefined) => void;

/** A copy of the server's objects of one kind, kept current by a list and a watch. The objects are shared: never modify one. */
export class Cache<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** Resolves after the first complete list; rejects when the cache is stopped before that. */
  readonly synced: Promise<void>;
  readonly #options: CacheOptions<T>;
  readonly #log: Log;
  readonly #reflector: Reflector<T>;
  readonly #listeners = new Set<Listener<T>>();
  readonly #store: Store<T>;
  readonly #settle: { resolve: () => void; reject: (reason: unknown) => void };
  #resourceVersion: string | undefined;
  #lastContactAt: number | undefined;
  #lastError: string | undefined;

  constructor(client: KubeClient, kind: Kind<T>, options: CacheOptions<T> = {}) {
    this.kind = kind;
    this.#options = options;
    this.#log = options.log ?? silent;
    this.#store = new Store(options.indexes);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#settle = { resolve, reject };
    // A waiting caller sees the rejection. Without one, it must not end the process as unhandled.
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

  /** Lists and watches until the signal aborts. Call it once. */
  start(signal: AbortSignal): void {
    this.#reflector
      .run(signal)
      .catch((error: unknown) => this.#log.error("reflector ended", { kind: this.kind.kind, error: describe(error) }))
      .finally(() => this.#settle.reject(new Error(`the cache of ${this.kind.kind} was stopped before its first list`)));
  }

  get hasSynced(): boolean {
    return this.#resourceVersion !== undefined;
  }

  /** Why the cache may be outdated: the last error since the last contact with the server. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The resource version up to which the cache contains the server's changes. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  get size(): number {
    return this.#store.size;
  }

  /** True when an object of this key, if it exists, is in the cache; false when the cache's selection may exclude it. */
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

  /** Whether the index has this value for the object, which need not be in the cache. */
  hasIndexValue(index: string, value: string, object: T): boolean {
    return this.#store.hasIndexValue(index, value, object);
  }

  /** Calls the listener synchronously after each change, objects of the first list included. Returns a function that removes the listener. */
  onChange(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Milliseconds since the last list, event or bookmark, by the monotonic clock; Infinity before the first list. */
  staleForMs(): number {
    return this.#lastContactAt === undefined ? Number.POSITIVE_INFINITY : performance.now() - this.#lastContactAt;
  }

  #sink() {
    return {
      replace: (items: readonly T[], resourceVersion: string): void => this.#replace(items, resourceVersion),
      change: (event: WatchEvent<T>): void => this.#change(event),
    };
  }

  /** Objects missing from the list were deleted between two watches. Listeners are called when the whole list is stored. */
  #replace(items: readonly T[], resourceVersion: string): void {
    const listed = new Set(items.map((item) => keyString(keyOf(item))));
    const gone = this.#store.list().filter((old) => !listed.has(keyString(keyOf(old))));
    const changes: [now: T | undefined, before: T | undefined][] = gone.map((old) => [undefined, this.#store.delete(keyOf(old))]);
    for (const item of items) {
      if (isSame(item, this.#store.get(keyOf(item)))) continue;
      const now = this.#transformed(item);
      changes.push([now, this.#store.set(now)]);
    }
    this.#recordContact(resourceVersion);
    this.#settle.resolve();
    for (const [now, before] of changes) this.#notify(now, before);
  }

  #change({ type, object }: WatchEvent<T>): void {
    this.#recordContact(object.metadata.resourceVersion);
    if (type === "BOOKMARK") return;
    const now = type === "DELETED" ? undefined : this.#transformed(object);
    const before = now === undefined ? this.#store.delete(keyOf(object)) : this.#store.set(now);
    if (now !== undefined || before !== undefined) this.#notify(now, before);
  }

  #recordContact(resourceVersion: string | undefined): void {
    this.#lastContactAt = performance.now();
    this.#lastError = undefined;
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
  }

  #transformed(object: T): T {
    return this.#options.transform === undefined ? object : this.#options.transform(object);
  }

  #notify(now: T | undefined, old: T | undefined): void {
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

/** True when `object`, as the server returned it, is newer than what the cache contains. */
export function isNewerThanCache(object: KubeObject, cache: { readonly resourceVersion: string | undefined }): boolean {
  const { resourceVersion } = object.metadata;
  return (
    resourceVersion !== undefined &&
    (cache.resourceVersion === undefined || compareResourceVersions(resourceVersion, cache.resourceVersion) > 0)
  );
}
