// Whose token a request carries. The hub itself is asked, so a token that was deleted a moment ago is dead here already.
import { timingSafeEqual } from "node:crypto";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { isToken, tokenHash, tokenObjectName } from "../lib/identity/token.ts";
import type { Context } from "./context.ts";
import { isAccepted } from "./login/judge.ts";
import { Refusal, tooMany } from "./refusal.ts";

export interface Holder {
  readonly token: Token;
  readonly user: User;
}

/** Throws a 401 whose reason, for the audit record only, says what is wrong with the token. */
export async function authenticate(context: Context, authorization: string | undefined, source: string): Promise<Holder> {
  const waitSeconds = context.tokenHolders.admit(source, context.now().getTime());
  if (waitSeconds > 0) throw tooMany("TooManyRequests", waitSeconds);
  const sent = /^Bearer ([^ ]+)$/.exec(authorization ?? "")?.[1];
  if (sent === undefined || !isToken(sent)) throw unauthorized("NoToken");

  const hash = tokenHash(sent);
  const token = await context.hub.find(Token, { name: tokenObjectName(hash) });
  if (token === undefined || !sameText(token.spec.hash, hash)) throw unauthorized("UnknownToken");
  if (!(context.now().getTime() < Date.parse(token.spec.expiresAt))) throw unauthorized("TokenExpired");

  const [user, provider] = await Promise.all([
    context.hub.find(User, { name: token.spec.user }),
    context.hub.find(AuthProvider, { name: token.spec.provider }),
  ]);
  if (user === undefined || !user.spec.enabled) throw unauthorized("UserGone");
  if (provider === undefined || !isAccepted(provider)) throw unauthorized("ProviderGone");
  return { token, user };
}

const unauthorized = (because: string): Refusal =>
  new Refusal("Unauthorized", "this token is not valid, or no longer; log in again", { because });

const sameText = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
