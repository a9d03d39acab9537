// POST /login/<provider>: a token for a user name and a password.
// Read the provider, the User and its Secret; check the password in any case; evaluate; create the Token. An unknown user takes the same steps,
// so that neither the answer nor its time reveals which users exist.
import { randomBytes } from "node:crypto";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { SYSTEM_NAMESPACE, VERSION } from "../../lib/access/names.ts";
import { credentialOf, HASH_KEY, type PasswordHash, parsePasswordHash } from "../../lib/identity/password.ts";
import { formatToken, TOKEN_BYTES, tokenHash, tokenObjectName } from "../../lib/identity/token.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Secret } from "../../lib/kube/core.ts";
import { Refusal, tooManyRequests } from "../../lib/server/refusal.ts";
import type { Source } from "../../lib/server/source.ts";
import { reasonOf } from "../audit.ts";
import { hasAccessSomewhere } from "../clusters/visible.ts";
import type { Context } from "../context.ts";
import { evaluateLogin, isAccepted } from "./evaluate.ts";
import { recordCredential, recordLastLogin } from "./user-status.ts";

export interface LoginRequest {
  readonly username: string;
  readonly password: string;
  readonly ttlSeconds?: number;
  /** The only clusters that the token may be used for; absent: all. */
  readonly clusters?: readonly string[];
}

export interface LoginAnswer {
  readonly token: string;
  readonly expiresAt: string;
}

interface LoginClient {
  readonly provider: string;
  readonly source: Source;
  readonly requestId: string;
}

/** No object can have this name: reading it takes as long as reading another one, and finds nothing. */
const NO_OBJECT = "-";
const OBJECT_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** Decides, and records the decision. */
export async function login(context: Context, client: LoginClient, request: LoginRequest): Promise<LoginAnswer> {
  const found: Attempt = {};
  const { requestId } = client;
  const source = client.source.address;
  try {
    const answer = await attempt(context, client, request, found);
    const token = tokenObjectName(tokenHash(answer.token));
    // From here on the token has a limit of its own, which others at the same address cannot use up.
    context.tokenLimiter.authenticated(token);
    context.audit.record({ action: "login", decision: "allow", reason: "Granted", source, requestId, ...found, token });
    return answer;
  } catch (error) {
    const reason = error instanceof Refusal ? reasonOf(error) : "Failed";
    context.audit.record({ action: "login", decision: "deny", reason, source, requestId, ...found });
    throw error;
  }
}

/** Names for the audit record: only those of objects that exist. What was sent may be anything, even a password in the wrong field. */
interface Attempt {
  user?: string;
  provider?: string;
}

async function attempt(context: Context, client: LoginClient, request: LoginRequest, found: Attempt): Promise<LoginAnswer> {
  const { username, password } = request;
  // Answered from the cache: it costs no more than any other path that leads nowhere, and uses up none of the source's attempts.
  if (context.providers.get({ name: client.provider }) === undefined) throw unknownProvider();
  const waitSeconds = context.logins.admit(username, client.source, context.now());
  if (waitSeconds > 0) throw tooManyRequests("TooManyAttempts", waitSeconds);
  const ttlSeconds = lifetime(context, request.ttlSeconds);

  const [provider, user] = await Promise.all([
    context.hub.find(AuthProvider, { name: OBJECT_NAME.test(client.provider) ? client.provider : NO_OBJECT }),
    context.hub.find(User, { name: OBJECT_NAME.test(username) ? username : NO_OBJECT }),
  ]);
  if (provider !== undefined) found.provider = provider.metadata.name;
  if (user !== undefined) found.user = user.metadata.name;
  mustTakePasswords(provider);

  const expected = await storedHash(context.hub, user);
  const passwordMatches = await context.passwords.matches(password, expected, {
    ...{ user: username, source: client.source },
    proven: context.logins.isProven(username, client.source),
  });
  const belongs = passwordMatches && user !== undefined && hasAccessSomewhere(context, user);
  const result = evaluateLogin({ provider, user, hasHash: expected !== undefined, passwordMatches, hasAccessSomewhere: belongs });
  if (result !== "Granted" || user === undefined) {
    context.logins.failed(username, client.source, context.now(), user !== undefined);
    throw new Refusal("LoginRefused", "user name or password is wrong, or this account may not log in here", { auditReason: result });
  }
  context.logins.succeeded(username, client.source);
  const credential = expected === undefined ? undefined : credentialOf(expected);
  await recordCredential(context, user, credential);
  const answer = await makeToken(context, { user, provider, credential, ttlSeconds, clusters: request.clusters });
  await recordLastLogin(context, user);
  return answer;
}

function lifetime(context: Context, asked: number | undefined): number {
  const { default: usual, max } = context.config.tokenTTLSeconds;
  if (asked !== undefined && asked > max) throw new Refusal("LifetimeTooLong", `ttlSeconds: at most ${max} is allowed here`);
  return asked ?? usual;
}

/** The names of providers are public: `/.well-known/drover` lists them. */
function mustTakePasswords(provider: AuthProvider | undefined): asserts provider is AuthProvider {
  if (provider === undefined) throw unknownProvider();
  if (provider.spec.local === undefined) throw new Refusal("NoPasswordProvider", "this provider does not take a password here");
  if (!isAccepted(provider)) throw new Refusal("ProviderNotInUse", "this provider is not in use; its condition Accepted says why");
}

const unknownProvider = (): Refusal => new Refusal("UnknownProvider", "there is no such provider; GET /.well-known/drover lists them");

/** Reads once in any case, so that the time does not reveal whether the user has a Secret. */
async function storedHash(hub: KubeClient, user: User | undefined): Promise<PasswordHash | undefined> {
  const name = user?.spec.local?.passwordSecret.name ?? NO_OBJECT;
  const secret = await hub.find(Secret, { name, namespace: SYSTEM_NAMESPACE });
  const stored = secret?.data?.[HASH_KEY];
  return stored === undefined ? undefined : parsePasswordHash(Buffer.from(stored, "base64").toString());
}

interface NewToken {
  readonly user: User;
  readonly provider: AuthProvider;
  /** The credential id of the hash that the password was checked against. */
  readonly credential: string | undefined;
  readonly ttlSeconds: number;
  readonly clusters: readonly string[] | undefined;
}

/** The token itself exists only in the answer; the hub stores its hash. */
async function makeToken(context: Context, { user, provider, credential, ttlSeconds, clusters }: NewToken): Promise<LoginAnswer> {
  const token = formatToken(randomBytes(TOKEN_BYTES));
  const hash = tokenHash(token);
  const expiresAt = new Date(context.now().getTime() + ttlSeconds * 1000).toISOString();
  await context.hub.create(Token, {
    apiVersion: VERSION,
    kind: "Token",
    metadata: { name: tokenObjectName(hash) },
    spec: {
      hash,
      user: user.metadata.name,
      userUID: user.metadata.uid ?? "",
      provider: provider.metadata.name,
      providerUID: provider.metadata.uid ?? "",
      ...(credential === undefined ? {} : { credential }),
      loginGeneration: user.status?.loginGeneration ?? 0,
      kind: "Login",
      expiresAt,
      ...(clusters === undefined ? {} : { clusters: [...new Set(clusters)] }),
    },
  });
  return { token, expiresAt };
}
