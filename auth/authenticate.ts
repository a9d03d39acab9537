// Whose token a request carries. The hub itself is asked, so a token that was deleted a moment ago is dead here already.
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { Refusal, tooManyRequests } from "../lib/server/refusal.ts";
import type { Source } from "../lib/server/source.ts";
import { bearerOf, isTokenOf } from "../lib/sessions/bearer.ts";
import { evaluateSession } from "../lib/sessions/session.ts";
import { hasAccessSomewhere } from "./clusters/visible.ts";
import type { Context } from "./context.ts";

export interface Holder {
  readonly token: Token;
  readonly user: User;
}

/** `authorization`: every such header of the request. Throws a 401 whose reason, for the audit record only, says what is wrong with the token. */
export async function authenticate(context: Context, authorization: readonly string[], source: Source): Promise<Holder> {
  const bearer = bearerOf(authorization);
  const waitSeconds = context.tokenLimiter.admit(bearer.is === "token" ? bearer.name : undefined, source, context.now().getTime());
  if (waitSeconds > 0) throw tooManyRequests("TooManyRequests", waitSeconds);
  if (bearer.is === "none") throw unauthorized(bearer.because);
  const token = await context.hub.find(Token, { name: bearer.name });
  if (token === undefined || !isTokenOf(token, bearer.hash)) throw unauthorized("UnknownToken");

  const [user, provider] = await Promise.all([
    context.hub.find(User, { name: token.spec.user }),
    context.hub.find(AuthProvider, { name: token.spec.provider }),
  ]);
  const facts = { user, provider, hasAccessSomewhere: user !== undefined && hasAccessSomewhere(context, user) };
  const result = evaluateSession(token, facts, context.now().getTime());
  if (result !== "Valid" || user === undefined) throw unauthorized(result);
  context.tokenLimiter.good(bearer.name);
  return { token, user };
}

const unauthorized = (because: string): Refusal =>
  new Refusal("Unauthorized", "this token is not valid, or no longer; log in again", { because });
