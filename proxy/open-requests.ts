// The open requests. When the access that one rests on ends, the request ends with it, at once.

import type { Refusal } from "../lib/server/refusal.ts";
import { type AccessBasis, type HubView, reevaluate } from "./pipeline.ts";

export interface OpenRequest extends AccessBasis {
  readonly user: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  end(refusal: Refusal): void;
}

export class OpenRequests {
  readonly #hub: HubView;
  readonly #onEnded: (refusal: Refusal) => void;
  readonly #byUser = new Map<string, Set<OpenRequest>>();
  readonly #byCluster = new Map<string, Set<OpenRequest>>();
  #count = 0;

  constructor(hub: HubView, onEnded: (refusal: Refusal) => void = () => {}) {
    this.#hub = hub;
    this.#onEnded = onEnded;
  }

  get count(): number {
    return this.#count;
  }

  /** Returns the function that removes it, which is idempotent. */
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

  reevaluateUser(user: string): void {
    this.#reevaluate(this.#byUser.get(user) ?? []);
  }

  reevaluateCluster(cluster: string): void {
    this.#reevaluate(this.#byCluster.get(cluster) ?? []);
  }

  reevaluateAll(): void {
    for (const requests of [...this.#byUser.values()]) this.#reevaluate(requests);
  }

  /** Ends the requests whose token has expired; to be called every second. */
  endExpired(now: number): void {
    for (const requests of [...this.#byUser.values()]) {
      for (const request of [...requests]) if (!(now < request.expiresAt)) this.#reevaluate([request]);
    }
  }

  #reevaluate(requests: Iterable<OpenRequest>): void {
    const now = Date.now();
    for (const request of [...requests]) {
      const refusal = reevaluate(request, this.#hub, now);
      if (refusal === undefined) continue;
      this.#onEnded(refusal);
      request.end(refusal);
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
