// Step 2: whose token is this? Pure: the caller brings what the caches know, and the time.
import { timingSafeEqual } from "node:crypto";
import type { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import type { Token } from "../crds/v1alpha1/token.ts";
import type { User } from "../crds/v1alpha1/user.ts";
import { isToken, tokenHash, tokenObjectName } from "../lib/identity/token.ts";
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
  const [header] = authorization;
  if (header === undefined) return unauthorized("NoToken");
  if (authorization.length > 1) return unauthorized("SeveralTokens");
  const sent = /^Bearer ([^ ]+)$/i.exec(header)?.[1];
  if (sent === undefined || !isToken(sent)) return unauthorized("MalformedToken");
  const hash = tokenHash(sent);
  const token = logins.token(tokenObjectName(hash));
  if (token === undefined || !sameText(token.spec.hash, hash)) return unauthorized("UnknownToken");
  return whoseToken(token, logins, now);
}

/** The same question for a token that was accepted before: does it still stand for somebody? */
export function whoseToken(token: Token, logins: Logins, now: number): Authenticated | Refusal {
  if (token.metadata.deletionTimestamp !== undefined) return unauthorized("TokenDeleted");
  // Written so that a time which cannot be read counts as past.
  if (!(now < Date.parse(token.spec.expiresAt))) return unauthorized("TokenExpired");
  const user = logins.user(token.spec.user);
  if (user === undefined || user.metadata.deletionTimestamp !== undefined) return unauthorized("UserGone");
  if (user.spec.enabled === false) return unauthorized("UserDisabled");
  const provider = logins.provider(token.spec.provider);
  if (provider === undefined || provider.metadata.deletionTimestamp !== undefined) return unauthorized("ProviderGone");
  return { token, user };
}

const unauthorized = (because: string): Refusal => new Refusal("Unauthorized", "Unauthorized", because);

const sameText = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
