// Turns subjects of compiled bindings into RBAC subjects. Ended ones are left out, and subjects that Drover may not bind are refused.
import { EVERYONE, GROUP_PREFIX, USER_PREFIX } from "./names.ts";

/** A subject in an AccessSet: users and groups have the names that clusters see. */
export interface SetSubject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  readonly namespace?: string;
  /** RFC 3339 */
  readonly expiresAt?: string;
}

/** A subject of an RBAC binding, with the fields in one fixed order. */
export interface RbacSubject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly apiGroup?: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface LiveSubjects {
  readonly subjects: readonly RbacSubject[];
  readonly refused: readonly string[];
  /** The next end date, in milliseconds since 1970. */
  readonly nextEnd?: number;
}

/** `inProject`: service accounts are allowed as subjects in projects only. */
export function liveSubjects(subjects: readonly SetSubject[], inProject: boolean, now: Date): LiveSubjects {
  const live = new Map<string, RbacSubject>();
  const refused = new Set<string>();
  let nextEnd = Number.POSITIVE_INFINITY;
  for (const subject of subjects) {
    const why = reasonAgainst(subject, inProject);
    if (why !== undefined) {
      refused.add(why);
      continue;
    }
    if (subject.expiresAt !== undefined) {
      const end = Date.parse(subject.expiresAt);
      if (end <= now.getTime()) continue;
      nextEnd = Math.min(nextEnd, end);
    }
    live.set(`${subject.kind}\n${subject.namespace ?? ""}\n${subject.name}`, rbacSubject(subject));
  }
  const sorted = [...live].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, subject]) => subject);
  return { subjects: sorted, refused: [...refused].sort(), ...(Number.isFinite(nextEnd) ? { nextEnd } : {}) };
}

function rbacSubject({ kind, name, namespace }: SetSubject): RbacSubject {
  if (kind === "ServiceAccount") return { kind, namespace: namespace ?? "", name };
  return { kind, apiGroup: "rbac.authorization.k8s.io", name };
}

/** Why a subject gets nothing. The agent does not rely on the hub here: it allows only users and groups of Drover, and service accounts in projects. */
function reasonAgainst({ kind, name, namespace, expiresAt }: SetSubject, inProject: boolean): string | undefined {
  if (expiresAt !== undefined && Number.isNaN(Date.parse(expiresAt))) return `${kind} ${name}: the end date ${expiresAt} is not a date`;
  if (kind === "User")
    return name.startsWith(USER_PREFIX) && name.length > USER_PREFIX.length ? undefined : `User ${name}: not a user of Drover`;
  if (kind === "Group")
    return name === EVERYONE || /^drover:group:[^:]+:./u.test(name)
      ? undefined
      : `Group ${name}: does not begin with ${GROUP_PREFIX}<provider>:`;
  if (kind !== "ServiceAccount") return `${String(kind)} ${name}: not a kind of subject`;
  if (!inProject) return `ServiceAccount ${name}: service accounts are subjects in projects only`;
  return namespace && name ? undefined : `ServiceAccount ${name}: no namespace`;
}
