import { type Cache, isAhead } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../kube/object.ts";

/** "drover.dev/v1alpha1/Cluster": the identity of a kind. */
export const kindString = (of: { readonly apiVersion: string; readonly kind: string }): string => `${of.apiVersion}/${of.kind}`;

export type CacheLookup = <T extends KubeObject>(kind: Kind<T>) => Cache<T> | undefined;

/**
 * What is known of objects: the watched caches, and on top of them what this process wrote itself and the caches have not seen yet.
 * Without the latter a second pass right after the first would judge by the past and write everything again.
 */
export class Live {
  readonly #client: KubeClient;
  readonly #cacheOf: CacheLookup;
  readonly #written = new Map<string, KubeObject>();

  constructor(client: KubeClient, cacheOf: CacheLookup) {
    this.#client = client;
    this.#cacheOf = cacheOf;
  }

  /** The freshest form of the object; from the server when no cache is responsible for it. */
  async find<T extends KubeObject>(kind: Kind<T>, key: Key, signal?: AbortSignal): Promise<T | undefined> {
    const cache = this.#cacheOf(kind);
    return cache?.hasSynced && cache.covers(key) ? this.peek(kind, key) : await this.#client.find(kind, key, { signal });
  }

  /** The freshest form that is known without asking the server. */
  peek<T extends KubeObject>(kind: Kind<T>, key: Key): T | undefined {
    const cache = this.#cacheOf(kind);
    const id = `${kindString(kind)} ${keyString(key)}`;
    const own = this.#written.get(id) as T | undefined;
    // The cache has come as far as our write: from here on it knows better, also that the object is gone again.
    if (own !== undefined && cache !== undefined && isAhead(own, cache)) return own;
    this.#written.delete(id);
    return cache?.get(key);
  }

  /** Remembers what the server answered to a write of ours. */
  wrote<T extends KubeObject>(kind: Kind<T>, object: T): void {
    const cache = this.#cacheOf(kind);
    if (cache !== undefined && isAhead(object, cache)) this.#written.set(`${kindString(kind)} ${keyString(keyOf(object))}`, object);
  }
}
