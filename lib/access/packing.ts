// How a long list is laid out over objects that etcd takes: each below a budget of bytes, and whoever is in one stays there.

/** One thing to be placed. All text is ASCII: as many bytes as characters. */
export interface Item {
  /** Identifies it from one layout to the next. */
  readonly key: string;
  /** What it adds to the JSON of its part, at most. */
  readonly bytes: number;
}

export interface Packed<T extends Item> {
  /** At least one part; each sorted by key. */
  readonly parts: readonly (readonly T[])[];
  /** Beyond MAX_PARTS. */
  readonly leftOut: readonly T[];
}

/** Etcd refuses 1.5 MiB; requests, answers and caches are easier with much less. */
export const PART_BYTES = 256 * 1024;
export const PART_ITEMS = 2000;
export const MAX_PARTS = 100;
/** Who is in a part stays, also when an end date makes the entry longer. */
const RESIDENT_BYTES = PART_BYTES + PART_BYTES / 2;

/**
 * Whoever has a home (a part, from 0) stays there: moving somebody from one object to another would take their access away for the moment
 * between the two writes. New ones fill the first part that has room; empty parts at the end go.
 */
export function pack<T extends Item>(items: readonly T[], homes: ReadonlyMap<string, number>): Packed<T> {
  const parts: Part<T>[] = [new Part()];
  const newcomers: T[] = [];
  const leftOut: T[] = [];
  for (const item of [...items].sort(byKey)) {
    const home = homes.get(item.key);
    if (home === undefined || home >= MAX_PARTS) {
      newcomers.push(item);
      continue;
    }
    while (parts.length <= home) parts.push(new Part());
    if (!parts[home]?.take(item, RESIDENT_BYTES)) newcomers.push(item);
  }
  for (const item of newcomers) {
    if (parts.some((part) => part.take(item, PART_BYTES))) continue;
    if (parts.length === MAX_PARTS) leftOut.push(item);
    else parts.push(new Part(item));
  }
  return { parts: parts.map(({ items: inside }) => inside.sort(byKey)), leftOut };
}

class Part<T extends Item> {
  readonly items: T[] = [];
  #bytes = 0;

  constructor(first?: T) {
    if (first !== undefined) this.#add(first);
  }

  take(item: T, budget: number): boolean {
    if (this.items.length >= PART_ITEMS || this.#bytes + item.bytes > budget) return false;
    this.#add(item);
    return true;
  }

  #add(item: T): void {
    this.items.push(item);
    this.#bytes += item.bytes;
  }
}

const byKey = (a: Item, b: Item): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
