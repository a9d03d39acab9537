// Whether a Token is valid: auth and the proxy evaluate it at each use, and the identity operator deletes those that are not. Pure.
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";

/** A token that is in use, and the user it stands for. */
export interface Authenticated {
  readonly token: Token;
  readonly user: User;
}

/** The hub's objects that a Token names; undefined: there is no such object. */
export interface SessionFacts {
  readonly user: User | undefined;
  readonly provider: AuthProvider | undefined;
  /** The ClusterMembers of some cluster name the user or a group of theirs. */
  readonly hasAccessSomewhere: boolean;
}

/** For audit records, never for the client. */
export type SessionResult =
  | "Valid"
  | "TokenDeleted"
  | "TokenExpired"
  | "UserGone"
  | "UserReplaced"
  | "UserDisabled"
  | "LoggedOutEverywhere"
  | "PasswordChanged"
  | "ProviderGone"
  | "ProviderReplaced"
  | "NotAllowedByProvider";

/**
 * The provider need not be Accepted: while its directory is unreachable nobody can log in, but sessions go on. `now`: milliseconds since 1970.
 */
export function evaluateSession({ metadata, spec }: Token, facts: SessionFacts, now: number): SessionResult {
  const { user, provider, hasAccessSomewhere } = facts;
  if (metadata.deletionTimestamp !== undefined) return "TokenDeleted";
  // Written so that a time that cannot be parsed counts as past.
  if (!(now < Date.parse(spec.expiresAt))) return "TokenExpired";
  if (user === undefined || user.metadata.deletionTimestamp !== undefined) return "UserGone";
  if (user.metadata.uid !== spec.userUID) return "UserReplaced";
  if (user.spec.enabled === false) return "UserDisabled";
  if (spec.loginGeneration !== (user.status?.loginGeneration ?? 0)) return "LoggedOutEverywhere";
  if (spec.credential !== undefined && spec.credential !== user.status?.credential) return "PasswordChanged";
  if (provider === undefined || provider.metadata.deletionTimestamp !== undefined) return "ProviderGone";
  if (provider.metadata.uid !== spec.providerUID) return "ProviderReplaced";
  return mayUse(provider, user, hasAccessSomewhere) ? "Valid" : "NotAllowedByProvider";
}

/** Whether the provider's `access` allows the user: checked at the login, and for as long as the session lasts. Only groups that this provider reported count. */
export function mayUse({ metadata, spec: { access } }: AuthProvider, user: User, hasAccessSomewhere: boolean): boolean {
  if (access.mode === "Unrestricted" || access.users?.includes(user.metadata.name)) return true;
  const groups = user.status?.groups?.find(({ provider }) => provider === metadata.name)?.names ?? [];
  if (groups.some((group) => access.groups?.includes(group))) return true;
  return access.mode === "Restricted" && hasAccessSomewhere;
}
