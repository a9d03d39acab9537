// Step 2: whose token is this? Pure: the caller brings what the caches know, and the time.
import type { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import type { Token } from "../crds/v1alpha1/token.ts";
import type { User } from "../crds/v1alpha1/user.ts";
import { bearerOf, isTokenOf } from "../lib/sessions/bearer.ts";
import { judgeSession } from "../lib/sessions/judge.ts";
import { Refusal } from "./refusal.ts";

/** What the hub says, by name. */
export interface Logins {
  token(name: string): Token | undefined;
  user(name: string): User | undefined;
  provider(name: string): AuthProvider | undefined;
}

export interface Authenticated {
  readonly token: Token;
  readonly user: User;
}

/** `authorization`: every such header of the request. One answer for all that is wrong; the audit record knows more. */
export function authenticate(authorization: readonly string[], logins: Logins, now: number): Authenticated | Refusal {
  const bearer = bearerOf(authorization);
  if (bearer.is === "none") return unauthorized(bearer.because);
  const token = logins.token(bearer.name);
  if (token === undefined || !isTokenOf(token, bearer.hash)) return unauthorized("UnknownToken");
  return whoseToken(token, logins, now);
}

/** The same question for a token that was accepted before: does it still stand for somebody? */
export function whoseToken(token: Token, logins: Logins, now: number): Authenticated | Refusal {
  const [user, provider] = [logins.user(token.spec.user), logins.provider(token.spec.provider)];
  // The next step lets nobody in but members of the cluster, who therefore have access somewhere.
  const verdict = judgeSession(token, { user, provider, hasAccessSomewhere: true }, now);
  return verdict === "Good" && user !== undefined ? { token, user } : unauthorized(verdict);
}

const unauthorized = (because: string): Refusal => new Refusal("Unauthorized", "Unauthorized", because);
