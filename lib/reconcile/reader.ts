import type { Cache } from "../kube/cache.ts";
import { type Kind, type KubeObject, keyOf, keyString, type ObjectRef } from "../kube/object.ts";
import { byName } from "../kube/store.ts";
import type { Reader, Reading } from "./contract.ts";
import { type CacheLookup, kindString, type Live } from "./live.ts";

/** Thrown by `list` for a kind that has never been read completely: a list that is not known must not look empty. */
export class UnreadableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnreadableError";
  }
}

/** Where a kind is cached, or undefined when nothing declares it. */
export type ServerLookup = (kind: Kind<KubeObject>) => { readonly cacheOf: CacheLookup; readonly live: Live } | undefined;

/**
 * Reads from watched caches, and what this process wrote in the meantime: who plans again right after a write sees its outcome.
 * Asking for a kind that no reconciler of the process declares is an error of the program.
 */
export function readerOf(serverOf: ServerLookup, applied: () => readonly ObjectRef[]): Reader {
  const declared = <T extends KubeObject>(kind: Kind<T>): { cache: Cache<T>; live: Live } => {
    const server = serverOf(kind);
    const cache = server?.cacheOf(kind);
    if (server === undefined || cache === undefined)
      throw new Error(`${kindString(kind)} is read, but declared by no reconciler of this process`);
    return { cache, live: server.live };
  };
  return {
    get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Reading<T> {
      const { cache, live } = declared(kind);
      if (!cache.hasSynced) return { is: "unreadable", because: why(cache) };
      const value = live.peek(kind, namespace === undefined ? { name } : { name, namespace });
      return value === undefined ? { is: "absent" } : { is: "present", value };
    },
    list(kind, where = {}) {
      const { cache, live } = declared(kind);
      if (!cache.hasSynced) throw new UnreadableError(why(cache));
      const found = cached(cache, where);
      const newer = live.pending(kind);
      return newer.length === 0 ? found : withNewer(found, newer, (object) => isWithin(cache, where, object));
    },
    applied,
  };
}

type Where = NonNullable<Parameters<Reader["list"]>[1]>;

const why = (cache: Pick<Cache<KubeObject>, "kind" | "lastError">): string =>
  `${cache.kind.plural} could not be listed: ${cache.lastError ?? "no answer yet"}`;

function cached<T extends KubeObject>(cache: Cache<T>, { index, namespace }: Where): readonly T[] {
  if (index === undefined) return cache.list({ namespace });
  const found = cache.byIndex(...index);
  return namespace === undefined ? found : found.filter(({ metadata }) => metadata.namespace === namespace);
}

const isWithin = <T extends KubeObject>(cache: Cache<T>, { index, namespace }: Where, object: T): boolean =>
  (namespace === undefined || object.metadata.namespace === namespace) && (index === undefined || cache.hasIndexValue(...index, object));

function withNewer<T extends KubeObject>(found: readonly T[], newer: readonly T[], within: (object: T) => boolean): readonly T[] {
  const replaced = new Set(newer.map((object) => keyString(keyOf(object))));
  return [...found.filter((object) => !replaced.has(keyString(keyOf(object)))), ...newer.filter(within)].sort(byName);
}
