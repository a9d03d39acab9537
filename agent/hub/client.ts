import { ApiError, type Connection, ConnectionError, KubeClient, TimeoutError, type WatchEvent } from "../../lib/kube/client.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";

type Requested = Parameters<KubeClient["request"]>;
type Watched = Parameters<KubeClient["watch"]>[1];

/**
 * The hub's API through any of several proxies: one that does not answer is left for the next. What failed is not repeated here, because
 * whoever asked (caches, queues) tries again anyway, and then at the next one.
 */
export class HubClient extends KubeClient {
  readonly #clients: readonly KubeClient[];
  #at = 0;

  /** At least one connection; all lead to the same hub. */
  constructor(connections: readonly Connection[], options: ConstructorParameters<typeof KubeClient>[1] = {}) {
    const [first] = connections;
    if (first === undefined) throw new Error("no connection to the hub");
    super(first, options);
    this.#clients = connections.map((connection) => new KubeClient(connection, options));
  }

  override async request(...asked: Requested): Promise<unknown> {
    const at = this.#at;
    try {
      return await this.#client(at).request(...asked);
    } catch (error) {
      this.#leaveIfAway(at, error);
      throw error;
    }
  }

  override async *watch<T extends KubeObject>(kind: Kind<T>, o: Watched): AsyncGenerator<WatchEvent<T>> {
    const at = this.#at;
    try {
      yield* this.#client(at).watch(kind, o);
    } catch (error) {
      this.#leaveIfAway(at, error);
      throw error;
    }
  }

  override async close(): Promise<void> {
    await Promise.all([super.close(), ...this.#clients.map((client) => client.close())]);
  }

  #client(at: number): KubeClient {
    return this.#clients[at] as KubeClient;
  }

  #leaveIfAway(at: number, error: unknown): void {
    const away = error instanceof ConnectionError || error instanceof TimeoutError || (error instanceof ApiError && error.code >= 502);
    if (away && this.#at === at) this.#at = (at + 1) % this.#clients.length;
  }
}
