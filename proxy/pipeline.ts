// What the proxy decides about a request to a cluster, before a byte of it goes there: read from top to bottom, this file is the order of the
// decisions. proxy/admit.ts comes before it, proxy/forward.ts after it; docs/proxy.md says why each step exists.
// Pure: the caller brings the hub's objects, as its caches have them, and the time.
import type { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import type { Cluster } from "../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../crds/v1alpha1/token.ts";
import type { User } from "../crds/v1alpha1/user.ts";
import { EVERYONE, userSubject } from "../lib/access/names.ts";
import { Refusal } from "../lib/server/refusal.ts";
import { bearerOf, isTokenOf } from "../lib/sessions/bearer.ts";
import { isInScope, type MemberGroups, membership } from "../lib/sessions/membership.ts";
import { type Authenticated, evaluateSession } from "../lib/sessions/session.ts";
import type { RequestHead } from "../lib/tunnel/head.ts";
import type { AdmittedRequest } from "./admit.ts";

/** The hub's objects, by name. undefined: there is no such object. */
export interface HubView {
  token(name: string): Token | undefined;
  user(name: string): User | undefined;
  provider(name: string): AuthProvider | undefined;
  cluster(name: string): Cluster | undefined;
  /** Who may reach the cluster. */
  members(cluster: string): ClusterMembers | undefined;
  /** Milliseconds since the hub last confirmed the kind that it confirmed longest ago. */
  staleForMs(): number;
}

export interface Decision {
  readonly who: Authenticated;
  readonly groups: MemberGroups;
  readonly identity: Identity;
}

/** `who` is there once the client is authenticated, for the audit record. */
export interface Refused {
  readonly refusal: Refusal;
  readonly who?: Authenticated;
}

/** `now`: milliseconds since 1970. */
export function decide(request: AdmittedRequest, hub: HubView, now: number, staleAfterMs: number): Decision | Refused {
  const stale = checkFreshness(hub, staleAfterMs);
  if (stale !== undefined) return { refusal: stale };
  const who = authenticate(request.authorization, hub, now);
  if (who instanceof Refusal) return { refusal: who };
  const groups = authorise(who, request.cluster, hub);
  if (groups instanceof Refusal) return { refusal: groups, who };
  return { who, groups, identity: identify(who, groups) };
}

// 1. Freshness: the copy of the hub must be recent. An old one does not show whose access has ended since.

function checkFreshness(hub: HubView, staleAfterMs: number): Refusal | undefined {
  if (hub.staleForMs() <= staleAfterMs) return undefined;
  return new Refusal("HubUnavailable", "the hub has not answered the proxy for too long; requests are refused until it does");
}

// 2. Authenticate: whose token is this, and is it still valid? One answer for all that can be wrong, so that nothing can be learnt about
// users and tokens; the audit record has the reason.

function authenticate(authorization: readonly string[], hub: HubView, now: number): Authenticated | Refusal {
  const bearer = bearerOf(authorization);
  if (bearer.is === "none") return unauthorized(bearer.reason);
  const token = hub.token(bearer.name);
  if (token === undefined || !isTokenOf(token, bearer.hash)) return unauthorized("UnknownToken");
  return authenticateToken(token, hub, now);
}

function authenticateToken(token: Token, hub: HubView, now: number): Authenticated | Refusal {
  const [user, provider] = [hub.user(token.spec.user), hub.provider(token.spec.provider)];
  // A provider may require access to some cluster. The next step requires access to this one.
  const result = evaluateSession(token, { user, provider, hasAccessSomewhere: true }, now);
  return result === "Valid" && user !== undefined ? { token, user } : unauthorized(result);
}

const unauthorized = (auditReason: string): Refusal => new Refusal("Unauthorized", "Unauthorized", { auditReason });

// 3. Authorise: does the token's scope include the cluster, and do the ClusterMembers name the user or a group of theirs? What the user may
// do in the cluster is the decision of its own API server. A cluster that does not exist is answered with the same bytes as one that is
// closed to the user.

function authorise({ token, user }: Authenticated, cluster: string, hub: HubView): MemberGroups | Refusal {
  if (!isInScope(token, cluster)) return new Refusal("OutOfScope", `forbidden: this token does not open the cluster "${cluster}"`);
  const members = hub.cluster(cluster) === undefined ? undefined : hub.members(cluster);
  return (
    membership(user, members) ?? new Refusal("NoAccess", `forbidden: User "${user.metadata.name}" has no access to a cluster "${cluster}"`)
  );
}

// 4. Identify: as whom does the agent impersonate the user? Only groups that the ClusterMembers name are passed on. The extras let the
// cluster's audit log name the login; the name of a Token is no secret.

export type Identity = Pick<RequestHead, "user" | "uid" | "groups" | "extra">;

function identify({ user, token }: Authenticated, groups: MemberGroups): Identity {
  return {
    user: userSubject(user.metadata.name),
    uid: user.metadata.uid ?? "",
    groups: [...groups, EVERYONE],
    extra: { "drover.dev/provider": [token.spec.provider], "drover.dev/token": [token.metadata.name] },
  };
}

// 5. Re-evaluate: a watch or an exec may be open for days. When something that it rests on changes, steps 2 and 3 are made again.

/** What the decision to forward a request rests on. */
export interface AccessBasis {
  readonly cluster: string;
  readonly tokenName: string;
  readonly tokenUID: string | undefined;
  readonly groups: MemberGroups;
}

/** Why an open request may not go on; undefined: it may, with every group that was passed on with it. */
export function reevaluate(basis: AccessBasis, hub: HubView, now: number): Refusal | undefined {
  const token = hub.token(basis.tokenName);
  if (token === undefined || token.metadata.uid !== basis.tokenUID) return unauthorized("TokenDeleted");
  const who = authenticateToken(token, hub, now);
  if (who instanceof Refusal) return who;
  const groups = authorise(who, basis.cluster, hub);
  if (groups instanceof Refusal) return groups;
  return basis.groups.every((group) => groups.includes(group))
    ? undefined
    : new Refusal("AccessEnded", "forbidden: a group on which this request may rest was revoked", { auditReason: "GroupRevoked" });
}
