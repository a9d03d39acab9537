import { Cache, type CacheOptions } from "../kube/cache.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import { type CacheLookup, kindString, Live } from "./live.ts";

export type KindOptions = ReadonlyMap<Kind<KubeObject>, Omit<CacheOptions<KubeObject>, "log" | "onRelist" | "onRestart">>;

/** One of the API servers that a manager knows: its client, the caches of kinds that reconcilers declare there, and what was written to it. */
export class Server {
  readonly client: KubeClient;
  readonly caches = new Map<string, Cache<KubeObject>>();
  readonly live: Live;
  readonly #kinds: KindOptions;

  /** `kinds`: how kinds are cached, where not whole. */
  constructor(client: KubeClient, kinds: KindOptions) {
    this.client = client;
    this.#kinds = kinds;
    this.live = new Live(client, this.cacheOf);
  }

  readonly cacheOf: CacheLookup = <T extends KubeObject>(kind: Kind<T>) => this.caches.get(kindString(kind)) as Cache<T> | undefined;

  /** Has the kind cached; once, however often it is declared. */
  declare(kind: Kind<KubeObject>, options: Pick<CacheOptions<KubeObject>, "log" | "onRelist" | "onRestart">): void {
    if (this.caches.has(kindString(kind))) return;
    const chosen = [...this.#kinds].find(([of]) => kindString(of) === kindString(kind))?.[1];
    this.caches.set(kindString(kind), new Cache(this.client, kind, { ...chosen, ...options }));
  }
}
