import { type Cache, isNewerThanCache } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../kube/object.ts";

/** "drover.dev/v1alpha1/Cluster": the identity of a kind. */
export const kindString = (of: { readonly apiVersion: string; readonly kind: string }): string => `${of.apiVersion}/${of.kind}`;

export type CacheLookup = <T extends KubeObject>(kind: Kind<T>) => Cache<T> | undefined;

/**
 * What is known of objects: the watched caches, and on top of them what this process wrote itself and the caches have not seen yet.
 * Without the latter a second pass right after the first would go by the past and write everything again.
 */
export class Live {
  readonly #client: KubeClient;
  readonly #cacheOf: CacheLookup;
  /** By kind, then by key. */
  readonly #written = new Map<string, Map<string, KubeObject>>();

  constructor(client: KubeClient, cacheOf: CacheLookup) {
    this.#client = client;
    this.#cacheOf = cacheOf;
  }

  /** The freshest form of the object; from the server when no cache is responsible for it: a cache may hold only objects with a label. */
  async find<T extends KubeObject>(kind: Kind<T>, key: Key, signal?: AbortSignal): Promise<T | undefined> {
    const cache = this.#cacheOf(kind);
    const cached = cache?.hasSynced ? this.peek(kind, key) : undefined;
    return cached !== undefined || (cache?.hasSynced && cache.covers(key)) ? cached : await this.#client.find(kind, key, { signal });
  }

  /** The freshest form that is known without asking the server. */
  peek<T extends KubeObject>(kind: Kind<T>, key: Key): T | undefined {
    return this.#ahead(kind).get(keyString(key)) ?? this.#cacheOf(kind)?.get(key);
  }

  /** What this process wrote of a kind and the kind's cache has not seen yet; empty almost always. */
  pending<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    return [...this.#ahead(kind).values()];
  }

  /** Remembers what the server answered to a write of ours. */
  wrote<T extends KubeObject>(kind: Kind<T>, object: T): void {
    const cache = this.#cacheOf(kind);
    if (cache === undefined || !isNewerThanCache(object, cache)) return;
    const id = kindString(kind);
    const written = this.#written.get(id) ?? new Map<string, KubeObject>();
    this.#written.set(id, written.set(keyString(keyOf(object)), object));
  }

  /** Once a cache has come as far as a write of ours, it knows better: also that the object changed again, or is gone. */
  #ahead<T extends KubeObject>(kind: Kind<T>): ReadonlyMap<string, T> {
    const written = this.#written.get(kindString(kind)) as Map<string, T> | undefined;
    const cache = this.#cacheOf(kind);
    if (written === undefined || cache === undefined) return NONE;
    for (const [key, object] of written) if (!isNewerThanCache(object, cache)) written.delete(key);
    return written;
  }
}

const NONE: ReadonlyMap<string, never> = new Map<string, never>();
