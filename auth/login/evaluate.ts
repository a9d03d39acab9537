// Whether a login with a password is granted: pure, from what was read. Each answer but the first is the same 401 for the client.
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { mayUse } from "../../lib/sessions/session.ts";

/** Goes into the audit record, never to the client. */
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
  /** A well-formed hash was found in the user's Secret. */
  readonly hasHash: boolean;
  readonly passwordMatches: boolean;
  /** Some cluster names the user among its members. */
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

/** The controller's word on an object: written as condition `Accepted`. */
export function isAccepted(object: {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}): boolean {
  return object.status?.conditions?.some((condition) => condition.type === "Accepted" && condition.status === "True") ?? false;
}
