// When the hub's admission policies were not in force, and which bindings were written then: those count only once they are confirmed.
// All times are the API server's, in whole seconds, as it writes them into objects.
import { type ObjectMeta, timeOf } from "../kube/object.ts";

/** A time in which the guards were not known to be in force. */
export interface Gap {
  readonly from: string;
  /** Absent while it lasts. */
  readonly until?: string;
  /** What confirms a binding of this time. Chosen at random when the gap ends, so that nobody can have written it into one before. */
  readonly id?: string;
}

/** What is remembered across restarts of the operator. */
export interface GuardHistory {
  /** Which objects the guards were when they were last seen in force: any change of one makes it another text. */
  readonly guards?: string;
  readonly confirmedAt?: string;
  readonly gaps: readonly Gap[];
}

export const NO_HISTORY: GuardHistory = { gaps: [] };
/** The time between a change of a guard and its being noticed. */
const MARGIN_MS = 2_000;
/** Beyond this many the two oldest become one: the time between them then counts as a gap too, which holds more and lets nothing through. */
const MAX_GAPS = 500;

/** The guards were seen in force. The first time ever says nothing about before: whoever installs Drover may have written bindings first. */
export function seenInForce(history: GuardHistory, guards: string, now: Date, id: string): GuardHistory {
  const confirmedAt = timeOf(now);
  const open = history.gaps.find(({ until }) => until === undefined);
  const unseen = open === undefined && history.guards !== undefined && history.guards !== guards;
  const since = open?.from ?? (unseen ? history.confirmedAt : undefined);
  if (since === undefined) return { guards, confirmedAt, gaps: history.gaps };
  const gaps = [...history.gaps.filter((gap) => gap !== open), { from: since, until: confirmedAt, id }];
  return { guards, confirmedAt, gaps: gaps.length > MAX_GAPS ? joined(gaps) : gaps };
}

/**
 * The guards were seen not to be in force. `watched`: whether this process has seen them in force before, and would have noticed at once.
 * Otherwise they may have been away since they were last confirmed.
 */
export function seenMissing(history: GuardHistory, now: Date, watched: boolean): GuardHistory {
  const isOpen = history.gaps.some(({ until }) => until === undefined);
  if (isOpen || history.guards === undefined) return history;
  const noticed = timeOf(new Date(now.getTime() - MARGIN_MS));
  const from = watched ? noticed : (history.confirmedAt ?? noticed);
  return { ...history, gaps: [...history.gaps, { from }] };
}

/** The gap in which a binding was made or changed, unless somebody confirmed it since. */
export function unguarded({ creationTimestamp, managedFields = [], annotations = {} }: ObjectMeta, gaps: readonly Gap[]): Gap | undefined {
  // Drover's own writes go to the status alone.
  const times = [creationTimestamp, ...managedFields.filter(({ subresource }) => subresource !== "status").map(({ time }) => time)];
  const written = times.flatMap((time) => (time === undefined ? [] : Date.parse(time)));
  return gaps.find(
    ({ from, until, id }) =>
      (id === undefined || annotations[CONFIRMED] !== id) &&
      written.some((time) => time >= Date.parse(from) && (until === undefined || time <= Date.parse(until))),
  );
}

/** Annotation of a binding: the id of the gap in which it was written, from somebody who confirms that it counts. */
export const CONFIRMED = "drover.dev/confirmed";

/** Undefined when the text is no history. */
export function readHistory(text: string | undefined): GuardHistory | undefined {
  if (text === undefined) return NO_HISTORY;
  try {
    const value = JSON.parse(text) as Partial<GuardHistory>;
    const isGap = (gap: Gap): boolean => [gap.from, gap.until ?? gap.from].every((time) => !Number.isNaN(Date.parse(time)));
    return Array.isArray(value.gaps) && value.gaps.every(isGap) ? (value as GuardHistory) : undefined;
  } catch {
    return undefined;
  }
}

function joined([first, second, ...rest]: readonly Gap[]): readonly Gap[] {
  return first && second ? [{ ...second, from: first.from }, ...rest] : [];
}
