// Whose token a request carries. The hub itself is asked, not a cache: a token that was deleted a moment ago is no longer valid.
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { Refusal, tooManyRequests } from "../lib/server/refusal.ts";
import type { Source } from "../lib/server/source.ts";
import { bearerOf, isTokenOf } from "../lib/sessions/bearer.ts";
import { type Authenticated, evaluateSession } from "../lib/sessions/session.ts";
import { hasAccessSomewhere } from "./clusters/visible.ts";
import type { Context } from "./context.ts";

/** `authorization`: every such header of the request. Throws Unauthorized, whose reason for the audit record says what is wrong with the token. */
export async function authenticate(context: Context, authorization: readonly string[], source: Source): Promise<Authenticated> {
  const bearer = bearerOf(authorization);
  const waitSeconds = context.tokenLimiter.admit(bearer.is === "token" ? bearer.name : undefined, source, context.now().getTime());
  if (waitSeconds > 0) throw tooManyRequests("TooManyRequests", waitSeconds);
  if (bearer.is === "none") throw unauthorized(bearer.reason);
  const token = await context.hub.find(Token, { name: bearer.name });
  if (token === undefined || !isTokenOf(token, bearer.hash)) throw unauthorized("UnknownToken");

  const [user, provider] = await Promise.all([
    context.hub.find(User, { name: token.spec.user }),
    context.hub.find(AuthProvider, { name: token.spec.provider }),
  ]);
  const facts = { user, provider, hasAccessSomewhere: user !== undefined && hasAccessSomewhere(context, user) };
  const result = evaluateSession(token, facts, context.now().getTime());
  if (result !== "Valid" || user === undefined) throw unauthorized(result);
  context.tokenLimiter.authenticated(bearer.name);
  return { token, user };
}

const unauthorized = (auditReason: string): Refusal =>
  new Refusal("Unauthorized", "this token is not valid, or no longer; log in again", { auditReason });
