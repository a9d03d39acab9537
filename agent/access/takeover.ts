// Whether the agent takes over what the hub says now. Only what goes on from what it knows: a hub that was restored from a backup says what
// was withdrawn since as if it had never been. Of what does not go on, only the withdrawals count until somebody accepts the restore.
import { lastEpoch, type Relation, relationOf, type Version } from "../../lib/access/lineage.ts";

/** A content as the hub says it. */
export interface Offered extends Version {
  /** When a restore of the hub was last accepted, in milliseconds since 1970: the content is trusted over any epoch before. */
  readonly acceptedAt?: number;
}

/** What is gone by. The version is that of the content that was taken over last as a whole. */
export type Taken<T extends Offered> = T & { readonly held?: Held<T> };

export interface Held<T extends Offered> {
  /** What was in effect when the hub first said something that does not go on from it: nothing beyond this is granted. */
  readonly base: T;
  /** What the hub said last. */
  readonly head: Version;
}

export interface TakeOverRules<T extends Offered> {
  /** Other objects show that the hub was restored: not even an object made anew is trusted. */
  readonly suspicious: boolean;
  /** `base` without all that `now` does not say as well. Keeps everything else of `base`. */
  readonly reduce: (base: T, now: T) => T;
}

export interface TakenOver<T extends Offered> {
  readonly taken: Taken<T>;
  /** The hub was restored, as far as this object shows, and nobody has accepted it. */
  readonly restored: boolean;
}

export function takeOver<T extends Offered>(known: Taken<T> | undefined, now: T, rules: TakeOverRules<T>): TakenOver<T> {
  if (known === undefined || isAccepted(known, now)) return { taken: now, restored: false };
  const relation = standing(known, now);
  if (known.held === undefined) {
    const follows = relation === "same" || relation === "later" || (relation === "new" && !rules.suspicious);
    if (follows) return { taken: now, restored: false };
    // Nothing but the past is heard, so nobody has withdrawn anything since.
    if (relation === "earlier") return { taken: known, restored: true };
    return { taken: held(known, now, rules), restored: true };
  }
  if (relation === "earlier") return { taken: known, restored: true };
  const { base } = known.held;
  const goesOn = relation === "same" || relation === "later";
  // Restored once more: what was withdrawn in between stays withdrawn.
  return { taken: held(goesOn ? base : withoutHeld(known), now, rules), restored: true };
}

/** Whether the object by itself shows that the hub was restored. */
export function showsRestore<T extends Offered>(known: Taken<T>, now: T): boolean {
  if (known.held !== undefined) return true;
  const relation = standing(known, now);
  return relation === "earlier" || relation === "other";
}

/** The latest epoch that is known of it: an acceptance must be later. */
export const latestEpoch = <T extends Offered>({ held, ...own }: Taken<T>): number =>
  Math.max(lastEpoch(own as unknown as T), held === undefined ? 0 : lastEpoch(held.head));

/** Everything of it is withdrawn; that it was there is remembered. */
export const withdrawn = <T extends Offered>(known: Taken<T>, nothing: T): Taken<T> => ({
  ...nothing,
  held: { base: withoutHeld(nothing), head: known.held?.head ?? versionOf(known) },
});

const isAccepted = <T extends Offered>(known: Taken<T>, { acceptedAt = 0 }: T): boolean => acceptedAt > latestEpoch(known);

const standing = <T extends Offered>(known: Taken<T>, now: T): Relation => relationOf(now, known.held?.head ?? known);

const held = <T extends Offered>(base: T, now: T, { reduce }: TakeOverRules<T>): Taken<T> => ({
  ...reduce(base, now),
  held: { base, head: versionOf(now) },
});

const versionOf = ({ uid, createdAt, history }: Version): Version => ({ uid, createdAt, history });

function withoutHeld<T extends Offered>({ held: _, ...known }: Taken<T>): T {
  return known as unknown as T;
}
