import type { BackoffLimits } from "./backoff.ts";
import type { KubeClient, WatchEvent } from "./client.ts";
import { describe, type Log, silent } from "./log.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "./object.ts";
import { Reflector } from "./reflector.ts";
import { compareResourceVersions } from "./resource-version.ts";

export interface CacheOptions<T extends KubeObject> {
  readonly namespace?: string;
  /** Only the object of this name. */
  readonly name?: string;
  readonly labelSelector?: string;
  /** For each index the values under which an object is found. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
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

/** The order of lists: by namespace, then by name. */
export const byName = (a: KubeObject, b: KubeObject): number =>
  compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") || compareText(a.metadata.name, b.metadata.name);
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** What the server has of one kind, kept up to date by a list and a watch. Objects in it are shared: never change one. */
export class Cache<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** Resolves with the first complete list; rejects when the cache is stopped before that. */
  readonly synced: Promise<void>;
  readonly #options: CacheOptions<T>;
  readonly #log: Log;
  readonly #reflector: Reflector<T>;
  readonly #listeners = new Set<Listener<T>>();
  readonly #indexes: ReadonlyMap<string, { keys: (object: T) => readonly string[]; found: Map<string, Set<string>> }>;
  readonly #settle: { resolve: () => void; reject: (reason: unknown) => void };
  #objects = new Map<string, T>();
  /** Sorted lists by namespace ("" for all), built when asked for and thrown away on each change. */
  #sorted = new Map<string, readonly T[]>();
  #resourceVersion: string | undefined;
  #spokenAt: number | undefined;
  #lastError: string | undefined;

  constructor(client: KubeClient, kind: Kind<T>, options: CacheOptions<T> = {}) {
    this.kind = kind;
    this.#options = options;
    this.#log = options.log ?? silent;
    this.#indexes = new Map(Object.entries(options.indexes ?? {}).map(([name, keys]) => [name, { keys, found: new Map() }]));
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
    return this.#objects.size;
  }

  /** True when an object of this key, if it exists, is in here: false for what the cache's selection leaves out (or may leave out). */
  covers(key: Key): boolean {
    const { namespace, name, labelSelector } = this.#options;
    return (
      labelSelector === undefined && (namespace === undefined || namespace === key.namespace) && (name === undefined || name === key.name)
    );
  }

  get(key: Key): T | undefined {
    return this.#objects.get(keyString(key));
  }

  /** Sorted by namespace and name. */
  list(o: { namespace?: string | undefined } = {}): readonly T[] {
    const scope = o.namespace ?? "";
    let list = this.#sorted.get(scope);
    if (list === undefined) {
      list = scope === "" ? [...this.#objects.values()].sort(byName) : this.list().filter((object) => object.metadata.namespace === scope);
      this.#sorted.set(scope, list);
    }
    return list;
  }

  /** Sorted by namespace and name. Throws when no such index was declared. */
  byIndex(index: string, value: string): readonly T[] {
    const known = this.#indexes.get(index);
    if (known === undefined) throw new Error(`the cache of ${this.kind.kind} has no index "${index}"`);
    const objects: T[] = [];
    for (const key of known.found.get(value) ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) objects.push(object);
    }
    return objects.sort(byName);
  }

  /** Whether an object, which need not be in here, would be found under this value of the index. */
  isUnder(index: string, value: string, object: T): boolean {
    return this.#indexes.get(index)?.keys(object).includes(value) ?? false;
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

  /** A list tells what is there now: what is missing from it was deleted while nobody watched. */
  #replace(items: readonly T[], resourceVersion: string): void {
    const before = this.#objects;
    const now = new Map(items.map((item) => [keyString(keyOf(item)), this.#transformed(item)]));
    const changes: [T | undefined, T | undefined][] = [];
    for (const [key, old] of before) if (!now.has(key)) changes.push([undefined, old]);
    for (const [key, object] of now) {
      const old = before.get(key);
      if (old !== undefined && old.metadata.resourceVersion === object.metadata.resourceVersion && old.metadata.uid === object.metadata.uid)
        now.set(key, old);
      else changes.push([object, old]);
    }
    this.#objects = now;
    this.#sorted = new Map();
    for (const [object, old] of changes) this.#index(object, old);
    this.#spoke(resourceVersion);
    this.#settle.resolve();
    for (const [object, old] of changes) this.#tell(object, old);
  }

  #change({ type, object }: WatchEvent<T>): void {
    const key = keyString(keyOf(object));
    const old = type === "BOOKMARK" ? undefined : this.#objects.get(key);
    this.#spoke(object.metadata.resourceVersion);
    if (type === "BOOKMARK" || (type === "DELETED" && old === undefined)) return;
    const now = type === "DELETED" ? undefined : this.#transformed(object);
    if (now === undefined) this.#objects.delete(key);
    else this.#objects.set(key, now);
    this.#sorted = new Map();
    this.#index(now, old);
    this.#tell(now, old);
  }

  #spoke(resourceVersion: string | undefined): void {
    this.#spokenAt = performance.now();
    this.#lastError = undefined;
    this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
  }

  #transformed(object: T): T {
    return this.#options.transform === undefined ? object : this.#options.transform(object);
  }

  #index(now: T | undefined, old: T | undefined): void {
    const key = keyString(keyOf((now ?? old) as T));
    for (const { keys, found } of this.#indexes.values()) {
      for (const value of old === undefined ? [] : keys(old)) {
        const set = found.get(value);
        set?.delete(key);
        if (set?.size === 0) found.delete(value);
      }
      for (const value of now === undefined ? [] : keys(now)) {
        const set = found.get(value);
        if (set === undefined) found.set(value, new Set([key]));
        else set.add(key);
      }
    }
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

/** True when `object` as the server returned it is not yet (and may still come to be) in the cache. */
export function isAhead(object: KubeObject, cache: { readonly resourceVersion: string | undefined }): boolean {
  const { resourceVersion } = object.metadata;
  return (
    resourceVersion !== undefined &&
    (cache.resourceVersion === undefined || compareResourceVersions(resourceVersion, cache.resourceVersion) > 0)
  );
}
