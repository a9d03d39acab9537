import type { Cache } from "../kube/cache.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import type { Reader, Reading } from "./contract.ts";
import { type CacheLookup, kindString } from "./live.ts";

/** Thrown by `list` for a kind that has never been read completely: a list that is not known must not look empty. */
export class UnreadableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnreadableError";
  }
}

/** Reads from watched caches. Asking for a kind that no reconciler of the process declares is an error of the program. */
export function readerOf(cacheOf: CacheLookup): Reader {
  const declared = <T extends KubeObject>(kind: Kind<T>): Cache<T> => {
    const cache = cacheOf(kind);
    if (cache === undefined) throw new Error(`${kindString(kind)} is read, but declared by no reconciler of this process`);
    return cache;
  };
  const why = (cache: Pick<Cache<KubeObject>, "kind" | "lastError">): string =>
    `${cache.kind.plural} could not be listed: ${cache.lastError ?? "no answer yet"}`;
  return {
    get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Reading<T> {
      const cache = declared(kind);
      if (!cache.hasSynced) return { is: "unreadable", because: why(cache) };
      const value = cache.get(namespace === undefined ? { name } : { name, namespace });
      return value === undefined ? { is: "absent" } : { is: "present", value };
    },
    list(kind, where = {}) {
      const cache = declared(kind);
      if (!cache.hasSynced) throw new UnreadableError(why(cache));
      if (where.index === undefined) return cache.list({ namespace: where.namespace });
      const found = cache.byIndex(...where.index);
      return where.namespace === undefined ? found : found.filter(({ metadata }) => metadata.namespace === where.namespace);
    },
  };
}
