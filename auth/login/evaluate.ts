// Whether a login with a password is granted. Pure. For the client every result but the first is the same 401.
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { hasCondition } from "../../lib/kube/object.ts";
import { mayUse } from "../../lib/sessions/session.ts";

/** For the audit record, never for the client. */
export type LoginResult =
  | "Granted"
  | "UnknownUser"
  | "UserDisabled"
  | "UserNotAccepted"
  | "NoLocalPassword"
  | "WrongPassword"
  | "NotAllowedByProvider";

export interface LoginFacts {
  readonly provider: AuthProvider;
  readonly user: User | undefined;
  /** The user's Secret holds a well-formed hash. */
  readonly hasHash: boolean;
  readonly passwordMatches: boolean;
  /** The ClusterMembers of some cluster name the user or a group of theirs. */
  readonly hasAccessSomewhere: boolean;
}

export function evaluateLogin(facts: LoginFacts): LoginResult {
  const { provider, user, hasHash, passwordMatches } = facts;
  if (user === undefined) return "UnknownUser";
  if (!hasHash) return "NoLocalPassword";
  if (!passwordMatches) return "WrongPassword";
  if (!user.spec.enabled) return "UserDisabled";
  if (!isAccepted(user)) return "UserNotAccepted";
  if (!mayUse(provider, user, facts.hasAccessSomewhere)) return "NotAllowedByProvider";
  return "Granted";
}

/** Whether the controller has accepted the object: condition `Accepted`. */
export const isAccepted = (object: AuthProvider | User): boolean => hasCondition(object, "Accepted");
