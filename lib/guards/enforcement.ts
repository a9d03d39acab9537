// When guards count as in force. A state machine over what was observed and what probes answered; lib/guards/monitor.ts runs it. Pure.
//
// Guards are "Enforced" when all of this holds:
// - every policy and binding is what lib/guards writes;
// - since any of them last changed, two probes at least CONFIRM_MS apart were refused by every policy that was tried, and none was let through;
// - the last refusal is no older than TRUST_MS.
// It assumes that an API server refuses what its policies say within CONFIRM_MS of a first refusal, and that changes of policies are watched.

/** As in the ClusterReport. Something new may be granted while the state is "Enforced", and at no other time. */
export interface GuardStatus {
  readonly state: "Enforced" | "Missing" | "Unknown";
  /** For people: what is missing, or why it is not known. */
  readonly message: string;
}

/** A policy that was deleted and made anew can still refuse from the API server's memory, so it has to refuse twice, this far apart. */
export const CONFIRM_MS = 300;
/** Guards in force are probed this often. */
export const REPROBE_MS = 30_000;
/** For so long the last refusal counts while probes cannot be made. */
export const TRUST_MS = 90_000;
/** Guards that are not known to be in force are probed this often; */
export const RETRY_MS = 250;
/** and those whose last probe could not be made. */
const RETRY_TRUSTED_MS = 3_000;

/** All times are in milliseconds of one monotonic clock. */
export interface Enforcement {
  readonly status: GuardStatus;
  /** Which objects the policies are, and how often each was changed (lib/guards/difference.ts). Undefined until they are listed. */
  readonly version: string | undefined;
  /** Whether they are as written, so that probing them makes sense. */
  readonly intact: boolean;
  /** Grows with each change of the policies: a probe that began before a change says nothing about what is there after it. */
  readonly changes: number;
  /** When the first and the last refusal since the last change came. */
  readonly refusedSince: number | undefined;
  readonly refusedAt: number | undefined;
  /** When the last probe since the last change ended, whatever it found. */
  readonly probedAt: number | undefined;
}

export interface Observed {
  readonly version: string;
  /** What is not as written; empty when all is. */
  readonly faults: readonly string[];
}

export interface Probed {
  /** "Enforced": every attempt was refused by its policy. "Missing": one was let through. "Unknown": one could not be made. */
  readonly found: GuardStatus;
  /** `changes` of the state for which the probe began. */
  readonly changes: number;
  readonly begunAt: number;
  readonly endedAt: number;
}

const NOT_PROBED = { refusedSince: undefined, refusedAt: undefined, probedAt: undefined };

export const NOT_OBSERVED: Enforcement = {
  status: { state: "Unknown", message: "the admission policies are not listed yet" },
  version: undefined,
  intact: false,
  changes: 0,
  ...NOT_PROBED,
};

/** The policies as they are now. The same ones as before change nothing; any change ends the permission to grant at once. */
export function observed(now: Enforcement, { version, faults }: Observed): Enforcement {
  const intact = faults.length === 0;
  if (version === now.version && intact === now.intact) return now;
  const message = intact ? "the admission policies are as written, but not tried yet" : faults.join("; ");
  return { status: { state: intact ? "Unknown" : "Missing", message }, version, intact, changes: now.changes + 1, ...NOT_PROBED };
}

/** What a probe found. */
export function probed(now: Enforcement, { found, changes, begunAt, endedAt }: Probed): Enforcement {
  if (changes !== now.changes || !now.intact) return now;
  if (found.state === "Enforced") {
    const refusedSince = now.refusedSince ?? endedAt;
    const confirmed = begunAt - refusedSince >= CONFIRM_MS;
    return { ...now, status: confirmed ? found : now.status, refusedSince, refusedAt: endedAt, probedAt: endedAt };
  }
  if (found.state === "Unknown" && isTrusted(now, endedAt)) return { ...now, probedAt: endedAt };
  return { ...now, status: found, ...NOT_PROBED, probedAt: endedAt };
}

/** The passing of time: a refusal that is too old counts no longer. */
export function elapsed(now: Enforcement, at: number): Enforcement {
  if (now.status.state !== "Enforced" || isTrusted(now, at)) return now;
  const message = `no probe of the admission policies has been answered for ${TRUST_MS / 1000} s`;
  return { ...now, status: { state: "Unknown", message }, refusedSince: undefined, refusedAt: undefined };
}

/** When to probe next; undefined while only a change of the policies can help. */
export function probeDue({ intact, status, refusedSince, refusedAt, probedAt }: Enforcement): number | undefined {
  if (!intact) return undefined;
  if (probedAt === undefined) return 0;
  if (status.state === "Enforced") return probedAt + (refusedAt === probedAt ? REPROBE_MS : RETRY_TRUSTED_MS);
  return refusedSince === undefined ? probedAt + RETRY_MS : refusedSince + CONFIRM_MS;
}

const isTrusted = ({ status, refusedAt }: Enforcement, at: number): boolean =>
  status.state === "Enforced" && refusedAt !== undefined && at - refusedAt < TRUST_MS;
