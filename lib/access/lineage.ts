// The lineage of a compiled object: the contents that it was made from. A reader that has one of these contents can tell whether the object
// continues from it. An object on a hub that was restored from a backup continues from the backup, not from later contents.
import { createHash } from "node:crypto";

/** Stored with a content. The last entry of `history` is its own name; the names of the contents that it was made from come before, oldest first. */
export interface Lineage {
  /** Grows with each content of an object. Milliseconds since 1970, or more if a clock went back. */
  readonly epoch: number;
  readonly history: readonly string[];
}

/** One content of one object. */
export interface Version {
  /** UID of the object. */
  readonly uid: string;
  /** Creation time of the object, RFC 3339, by the API server's clock. */
  readonly createdAt: string;
  readonly history: readonly string[];
}

/**
 * How the current version of an object relates to the version that a reader has. same, later: it continues from it. earlier: the reader's
 * version was made from it. other: neither, so it was changed after a restore from a backup. new: another object of the same name, created later.
 */
export type Relation = "same" | "later" | "earlier" | "other" | "new";

export interface Bounds {
  /** Maximum number of names in the history. */
  readonly size: number;
  /** How many of them are the names right after the oldest; the others are the latest names. */
  readonly afterOldest: number;
}

/** The oldest name is the content that the agent acknowledged last. It may have taken over some later ones without having acknowledged them. */
export const SET_BOUNDS: Bounds = { size: 64, afterOldest: 32 };
/** Templates are not acknowledged: every agent reads them, and only users change them. */
export const TEMPLATE_BOUNDS: Bounds = { size: 1000, afterOldest: 0 };

export interface Descent {
  readonly previous: readonly string[];
  /** The epoch that the only reader acknowledged, if there is one: older contents need no name any more. */
  readonly acknowledged?: number | undefined;
  /** Milliseconds since 1970. The epoch is at least this, and greater than every epoch before it. */
  readonly after: number;
  readonly bounds: Bounds;
}

/** The lineage of a content made from `previous`; unchanged while the content is unchanged. */
export function nextLineage(content: object, { previous, acknowledged, after, bounds }: Descent): Lineage {
  const last = previous.at(-1);
  if (last !== undefined && last === nameOf(epochOf(last), content)) return { epoch: epochOf(last), history: previous };
  const epoch = Math.max(last === undefined ? 0 : epochOf(last) + 1, after);
  const from = previous.findIndex((name) => epochOf(name) === acknowledged);
  const all = [...(from < 0 ? previous : previous.slice(from)), nameOf(epoch, content)];
  return { epoch, history: thinned(all, bounds) };
}

/** The least epoch of a new content, in milliseconds. The acceptance of a restore is later than every accepted content, and earlier than all later ones. */
export const notBefore = (now: Date, restoreAcceptedAt: number | undefined): number =>
  Math.max(now.getTime(), (restoreAcceptedAt ?? 0) + 1);

export const epochOf = (name: string): number => Number.parseInt(name, 10);

/** The epoch of a version; 0 when it has no history. */
export const lastEpoch = ({ history }: Pick<Version, "history">): number => epochOf(history.at(-1) ?? "0");

export function relationOf(now: Version, known: Version): Relation {
  const [is, was] = [now.history.at(-1), known.history.at(-1)];
  if (now.uid !== known.uid) return relationOfOthers(now, known);
  if (is === was) return "same";
  if (was === undefined || isBefore(was, now)) return "later";
  if (is === undefined || isBefore(is, known)) return "earlier";
  return "other";
}

/** Compares by creation time; within the same second by epoch. */
function relationOfOthers(now: Version, known: Version): Relation {
  const age = Date.parse(now.createdAt) - Date.parse(known.createdAt);
  const isLater = lastEpoch(now) > lastEpoch(known);
  if (age > 0 || (age === 0 && isLater)) return "new";
  return isLater ? "other" : "earlier";
}

/** Whether `of` was made from the named content. A content older than the oldest name was acknowledged, so it belongs to this lineage. */
function isBefore(name: string, of: Version): boolean {
  const [oldest] = of.history;
  return oldest !== undefined && (of.history.includes(name) || epochOf(name) < epochOf(oldest));
}

/** The digest distinguishes contents that got the same epoch because a clock stood still or went back. */
const nameOf = (epoch: number, content: object): string =>
  `${epoch}-${createHash("sha256").update(canonicalJson(content)).digest("hex").slice(0, 8)}`;

function thinned(names: readonly string[], { size, afterOldest }: Bounds): readonly string[] {
  if (names.length <= size) return names;
  const first = afterOldest > 0 ? 1 + afterOldest : 0;
  return [...names.slice(0, first), ...names.slice(first - size)];
}

const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  );
