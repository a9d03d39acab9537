// The requests that are under way. When what somebody was let in by ends, his open requests end with it, at once.
import { type Hub, type LetIn, reconsider } from "./pipeline.ts";
import type { Refusal } from "./refusal.ts";

export interface OpenRequest extends LetIn {
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  end(because: Refusal): void;
}

export class OpenRequests {
  readonly #hub: Hub;
  readonly #onEnded: (because: Refusal) => void;
  readonly #byUser = new Map<string, Set<OpenRequest>>();
  readonly #byCluster = new Map<string, Set<OpenRequest>>();
  #count = 0;

  constructor(hub: Hub, onEnded: (because: Refusal) => void = () => {}) {
    this.#hub = hub;
    this.#onEnded = onEnded;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns how to take it out again, which is idempotent. */
  add(request: OpenRequest): () => void {
    put(this.#byUser, request.user, request);
    put(this.#byCluster, request.cluster, request);
    this.#count++;
    return () => {
      if (!take(this.#byUser, request.user, request)) return;
      take(this.#byCluster, request.cluster, request);
      this.#count--;
    };
  }

  reconsiderUser(user: string): void {
    this.#reconsider(this.#byUser.get(user) ?? []);
  }

  reconsiderCluster(cluster: string): void {
    this.#reconsider(this.#byCluster.get(cluster) ?? []);
  }

  reconsiderAll(): void {
    for (const requests of [...this.#byUser.values()]) this.#reconsider(requests);
  }

  /** Ends those whose token's time has come; to be called every second. */
  endExpired(now: number): void {
    for (const requests of [...this.#byUser.values()]) {
      for (const request of [...requests]) if (!(now < request.expiresAt)) this.#reconsider([request]);
    }
  }

  #reconsider(requests: Iterable<OpenRequest>): void {
    const now = Date.now();
    for (const request of [...requests]) {
      const because = reconsider(request, this.#hub, now);
      if (because === undefined) continue;
      this.#onEnded(because);
      request.end(because);
    }
  }
}

function put<T>(table: Map<string, Set<T>>, key: string, value: T): void {
  const set = table.get(key);
  if (set === undefined) table.set(key, new Set([value]));
  else set.add(value);
}

function take<T>(table: Map<string, Set<T>>, key: string, value: T): boolean {
  const set = table.get(key);
  const found = set?.delete(value) ?? false;
  if (set?.size === 0) table.delete(key);
  return found;
}
