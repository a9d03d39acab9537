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
export type SessionVerdict = "Good" | "TokenDeleted" | "TokenExpired" | "UserGone" | "UserDisabled" | "ProviderGone";

/**
 * A provider need not be Accepted: while its directory is away nobody logs in, but those who did stay. `now`: milliseconds since the epoch.
 */
export function judgeSession({ metadata, spec }: Token, { user, provider }: SessionFacts, now: number): SessionVerdict {
  if (metadata.deletionTimestamp !== undefined) return "TokenDeleted";
  // Written so that a time which cannot be read counts as past.
  if (!(now < Date.parse(spec.expiresAt))) return "TokenExpired";
  if (user === undefined || user.metadata.deletionTimestamp !== undefined) return "UserGone";
  if (user.spec.enabled === false) return "UserDisabled";
  if (provider === undefined || provider.metadata.deletionTimestamp !== undefined) return "ProviderGone";
  return "Good";
}
