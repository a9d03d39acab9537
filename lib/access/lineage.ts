// From which contents a compiled object was made, so that whoever knows one of them can tell whether the object goes on from it. An object
// that comes from a restored backup goes on from the backup, and not from what was known since.
import { createHash } from "node:crypto";

/** What is said with a content: its own name is the last of `history`, those that it was made from come before, oldest first. */
export interface Lineage {
  /** Grows with each content of one object; milliseconds since 1970, unless clocks went back. */
  readonly epoch: number;
  readonly history: readonly string[];
}

/** One content of one object, as somebody knows it. */
export interface Version {
  /** Of the object. */
  readonly uid: string;
  /** When the object was made, RFC 3339, by the API server's clock. */
  readonly createdAt: string;
  readonly history: readonly string[];
}

/**
 * How an object as it is now stands to what was known of it. same, later: it goes on from there. earlier: it is what that was made from.
 * other: neither; it was changed after a backup had been restored. new: another object of the same name, made later.
 */
export type Relation = "same" | "later" | "earlier" | "other" | "new";

export interface Bounds {
  /** How many contents are named. */
  readonly size: number;
  /** Of them, how many right after the oldest; the others are the latest. */
  readonly afterOldest: number;
}

/** The oldest is what the agent acknowledged last; it may have taken over some more without being able to say so. */
export const SET_BOUNDS: Bounds = { size: 64, afterOldest: 32 };
/** Nobody acknowledges templates, which are read by every agent and changed by people only. */
export const TEMPLATE_BOUNDS: Bounds = { size: 1000, afterOldest: 0 };

export interface Descent {
  readonly previous: readonly string[];
  /** The epoch that the only reader acknowledged, if there is one: nothing before it needs a name any more. */
  readonly acknowledged?: number | undefined;
  /** Milliseconds; the epoch is at least this, and more than all before it. */
  readonly after: number;
  readonly bounds: Bounds;
}

/**
 * The lineage of a content made from `previous`: the same while the content is the same.
 */
export function descend(content: object, { previous, acknowledged, after, bounds }: Descent): Lineage {
  const last = previous.at(-1);
  if (last !== undefined && last === nameOf(epochOf(last), content)) return { epoch: epochOf(last), history: previous };
  const epoch = Math.max(last === undefined ? 0 : epochOf(last) + 1, after);
  const from = previous.findIndex((name) => epochOf(name) === acknowledged);
  const all = [...(from < 0 ? previous : previous.slice(from)), nameOf(epoch, content)];
  return { epoch, history: thinned(all, bounds) };
}

/** The least epoch of what is made now. An acceptance of a restore is later than what it accepts, and earlier than all that follows. */
export const notBefore = (now: Date, restoreAcceptedAt: number | undefined): number =>
  Math.max(now.getTime(), (restoreAcceptedAt ?? 0) + 1);

export const epochOf = (name: string): number => Number.parseInt(name, 10);

/** The epoch of a content that is known; 0 when it has none. */
export const lastEpoch = ({ history }: Pick<Version, "history">): number => epochOf(history.at(-1) ?? "0");

export function relationOf(now: Version, known: Version): Relation {
  const [is, was] = [now.history.at(-1), known.history.at(-1)];
  if (now.uid !== known.uid) return relationOfOthers(now, known);
  if (is === was) return "same";
  if (was === undefined || isBefore(was, now)) return "later";
  if (is === undefined || isBefore(is, known)) return "earlier";
  return "other";
}

/** By the API server's clock; in the same second by the epochs. */
function relationOfOthers(now: Version, known: Version): Relation {
  const age = Date.parse(now.createdAt) - Date.parse(known.createdAt);
  const isLater = lastEpoch(now) > lastEpoch(known);
  if (age > 0 || (age === 0 && isLater)) return "new";
  return isLater ? "other" : "earlier";
}

/** Whether `of` was made from the content. What is older than the oldest name was acknowledged once, so it is of this line. */
function isBefore(name: string, of: Version): boolean {
  const [oldest] = of.history;
  return oldest !== undefined && (of.history.includes(name) || epochOf(name) < epochOf(oldest));
}

/** The digest tells apart what clocks that went back, or stand still, gave the same number. */
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
