import { type Key, type KubeObject, keyOf, keyString } from "./object.ts";

/** For each index, a function that returns the index values of an object. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order of lists: by namespace, then by name. */
export const byName = (a: KubeObject, b: KubeObject): number =>
  compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") || compareText(a.metadata.name, b.metadata.name);

/** Objects of one kind by key, with indexes and with sorted lists that are cached until they change. */
export class Store<T extends KubeObject> {
  /** By namespace ("" for cluster-scoped objects), then by name. */
  readonly #objects = new Map<string, Map<string, T>>();
  /** Sorted lists, by namespace and of all objects; created when first requested. */
  readonly #sorted = new Map<string, readonly T[]>();
  #all: readonly T[] | undefined;
  readonly #indexes: ReadonlyMap<string, { readonly keys: (object: T) => readonly string[]; readonly found: Map<string, Map<string, T>> }>;

  constructor(indexes: Indexes<T> = {}) {
    this.#indexes = new Map(Object.entries(indexes).map(([name, keys]) => [name, { keys, found: new Map() }]));
  }

  get size(): number {
    let size = 0;
    for (const { size: more } of this.#objects.values()) size += more;
    return size;
  }

  get({ namespace = "", name }: Key): T | undefined {
    return this.#objects.get(namespace)?.get(name);
  }

  /** Returns the previous object. */
  set(object: T): T | undefined {
    const { namespace = "", name } = object.metadata;
    const before = this.get(object.metadata);
    const within = this.#objects.get(namespace) ?? new Map<string, T>();
    this.#objects.set(namespace, within.set(name, object));
    this.#changed(namespace, object, before);
    return before;
  }

  /** Returns the deleted object. */
  delete(key: Key): T | undefined {
    const namespace = key.namespace ?? "";
    const before = this.get(key);
    if (before === undefined) return undefined;
    const within = this.#objects.get(namespace);
    within?.delete(key.name);
    if (within?.size === 0) this.#objects.delete(namespace);
    this.#changed(namespace, undefined, before);
    return before;
  }

  /** Sorted by namespace and name; objects of all namespaces when none is given. */
  list(namespace?: string): readonly T[] {
    if (namespace !== undefined) return this.#within(namespace);
    this.#all ??= [...this.#objects.keys()].sort(compareText).flatMap((one) => this.#within(one));
    return this.#all;
  }

  /** Sorted by namespace and name. Throws when no such index was declared. */
  byIndex(index: string, value: string): readonly T[] {
    return [...(this.#index(index).found.get(value)?.values() ?? [])].sort(byName);
  }

  /** Whether the index has this value for the object, which need not be in the store. */
  hasIndexValue(index: string, value: string, object: T): boolean {
    return this.#index(index).keys(object).includes(value);
  }

  #within(namespace: string): readonly T[] {
    const known = this.#sorted.get(namespace);
    if (known !== undefined) return known;
    const objects = this.#objects.get(namespace);
    // No entry for an empty namespace: callers may ask for any number of names.
    if (objects === undefined) return [];
    const sorted = [...objects.values()].sort(byName);
    this.#sorted.set(namespace, sorted);
    return sorted;
  }

  #index(name: string) {
    const index = this.#indexes.get(name);
    if (index === undefined)
      throw new Error(`no index "${name}" was declared; there are: ${[...this.#indexes.keys()].join(", ") || "none"}`);
    return index;
  }

  #changed(namespace: string, now: T | undefined, before: T | undefined): void {
    this.#sorted.delete(namespace);
    this.#all = undefined;
    const key = keyString(keyOf((now ?? before) as T));
    for (const { keys, found } of this.#indexes.values()) {
      for (const value of before === undefined ? [] : keys(before)) {
        const objects = found.get(value);
        objects?.delete(key);
        if (objects?.size === 0) found.delete(value);
      }
      for (const value of now === undefined ? [] : keys(now)) {
        const objects = found.get(value) ?? new Map<string, T>();
        found.set(value, objects.set(key, now as T));
      }
    }
  }
}
