// Whether a Token still stands for somebody: asked by auth and the proxy at each use, and by the identity operator, which tidies up. Pure.
import type { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";

/** What the hub says of those whom the Token names; undefined: it knows no such object. */
export interface SessionFacts {
  readonly user: User | undefined;
  readonly provider: AuthProvider | undefined;
  /** Some cluster names the user among its members. */
  readonly hasAccessSomewhere: boolean;
}

/** Goes into audit records, never to a client. */
export type SessionVerdict =
  | "Good"
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
 * A provider need not be Accepted: while its directory is away nobody logs in, but those who did stay. `now`: milliseconds since the epoch.
 */
export function judgeSession({ metadata, spec }: Token, facts: SessionFacts, now: number): SessionVerdict {
  const { user, provider, hasAccessSomewhere } = facts;
  if (metadata.deletionTimestamp !== undefined) return "TokenDeleted";
  // Written so that a time which cannot be read counts as past.
  if (!(now < Date.parse(spec.expiresAt))) return "TokenExpired";
  if (user === undefined || user.metadata.deletionTimestamp !== undefined) return "UserGone";
  if (user.metadata.uid !== spec.userUID) return "UserReplaced";
  if (user.spec.enabled === false) return "UserDisabled";
  if (spec.loginGeneration !== (user.status?.loginGeneration ?? 0)) return "LoggedOutEverywhere";
  if (spec.credential !== undefined && spec.credential !== user.status?.credential) return "PasswordChanged";
  if (provider === undefined || provider.metadata.deletionTimestamp !== undefined) return "ProviderGone";
  if (provider.metadata.uid !== spec.providerUID) return "ProviderReplaced";
  return mayUse(provider, user, hasAccessSomewhere) ? "Good" : "NotAllowedByProvider";
}

/** Whether the provider's `access` lets the user in: at a login, and for as long as it lasts. Groups are those that this provider reported. */
export function mayUse({ metadata, spec: { access } }: AuthProvider, user: User, hasAccessSomewhere: boolean): boolean {
  if (access.mode === "Unrestricted" || access.users?.includes(user.metadata.name)) return true;
  const groups = user.status?.groups?.find(({ provider }) => provider === metadata.name)?.names ?? [];
  if (groups.some((group) => access.groups?.includes(group))) return true;
  return access.mode === "Restricted" && hasAccessSomewhere;
}
