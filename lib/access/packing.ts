// Splits a long list over objects of a size that etcd accepts. An item stays in the part that it is in.

/** An item to place. All text is ASCII, so that characters are bytes. */
export interface Item {
  /** Identifies the item from one call to the next. */
  readonly key: string;
  /** The most bytes that it adds to the JSON of its part. */
  readonly bytes: number;
}

export interface Packed<T extends Item> {
  /** At least one part; each sorted by key. */
  readonly parts: readonly (readonly T[])[];
  /** Items that do not fit into MAX_PARTS parts. */
  readonly leftOut: readonly T[];
}

/** Limit for items that are new in a part. Etcd refuses 1.5 MiB; smaller objects keep requests and caches fast. */
export const PART_BYTES = 256 * 1024;
export const PART_ITEMS = 2000;
export const MAX_PARTS = 100;
/** Limit for items that stay in their part: an added end date makes an item longer and must not move it. */
const PLACED_BYTES = PART_BYTES + PART_BYTES / 2;

/**
 * `placement`: the current part of each item, from 0. An item stays there, because moving it to another object would end its grant between
 * the two writes. New items go to the first part with room, and empty parts at the end are dropped.
 */
export function pack<T extends Item>(items: readonly T[], placement: ReadonlyMap<string, number>): Packed<T> {
  const parts: Part<T>[] = [new Part()];
  const unplaced: T[] = [];
  const leftOut: T[] = [];
  for (const item of [...items].sort(byKey)) {
    const part = placement.get(item.key);
    if (part === undefined || part >= MAX_PARTS) {
      unplaced.push(item);
      continue;
    }
    while (parts.length <= part) parts.push(new Part());
    if (!parts[part]?.take(item, PLACED_BYTES)) unplaced.push(item);
  }
  for (const item of unplaced) {
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
