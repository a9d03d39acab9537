// The routes of auth, with the schema of each body.

import type { Server } from "node:https";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SHORT_NAME } from "../crds/v1alpha1/names.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { isNotFound } from "../lib/kube/client.ts";
import { Refusal, tooManyRequests } from "../lib/server/refusal.ts";
import { type Source, sourceOf } from "../lib/server/source.ts";
import { authorizationsIn } from "../lib/sessions/bearer.ts";
import type { Authenticated } from "../lib/sessions/session.ts";
import type { AgentClient } from "./agents/limits.ts";
import { type RegisterRequest, registerAgent } from "./agents/register.ts";
import { type AgentTokenRequest, agentToken, challengeAgent } from "./agents/token.ts";
import { type Decision, reasonOf } from "./audit.ts";
import { authenticate } from "./authenticate.ts";
import { clustersOf } from "./clusters/visible.ts";
import type { Context } from "./context.ts";
import { isAccepted } from "./login/evaluate.ts";
import { type LoginRequest, login } from "./login/route.ts";
import { endAllLogins } from "./login/user-status.ts";

const text = (maxLength: number, minLength = 1) => ({ type: "string", minLength, maxLength }) as const;
const object = (properties: Record<string, unknown>, optional: readonly string[] = []) => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});

const CLUSTER = { type: "string", ...SHORT_NAME } as const;
const byCluster = object({ cluster: CLUSTER });

const loginBody = object(
  {
    username: text(253),
    // Longer than any password, so that the rule for passwords decides.
    password: text(4096, 0),
    ttlSeconds: { type: "integer", minimum: 1, maximum: 2 ** 31 },
    clusters: { type: "array", minItems: 1, maxItems: 100, items: CLUSTER },
  },
  ["ttlSeconds", "clusters"],
);
const registerBody = object({ token: text(256), publicKey: text(44), signature: text(88) });
const agentTokenBody = object({ nonce: text(128), signature: text(88) });
const logoutBody = { anyOf: [{ type: "null" }, object({ all: { type: "boolean" } }, ["all"])] };
/** A POST without a body, or with an empty object. */
const noBody = { anyOf: [{ type: "null" }, object({})] };

export type AuthServer = FastifyInstance<Server>;

export function addRoutes(server: AuthServer, context: Context): void {
  const client = (request: FastifyRequest) => ({ source: sourceFor(context, request), requestId: String(request.id) });
  const agent = (request: FastifyRequest): AgentClient => ({
    ...client(request),
    cluster: (request.params as { cluster: string }).cluster,
  });

  server.post("/login/:provider", { schema: { params: object({ provider: text(253) }), body: loginBody } }, async (request) =>
    login(context, { ...client(request), provider: (request.params as { provider: string }).provider }, request.body as LoginRequest),
  );

  server.post("/logout", { schema: { body: logoutBody } }, async (request, reply: FastifyReply) => {
    const everywhere = (request.body as { all?: boolean } | null)?.all === true;
    const action = everywhere ? "logout-everywhere" : "logout";
    const who = await requireToken(context, request, action);
    if (everywhere) await endAllLogins(context, who.user);
    await revoke(context, who);
    audit(context, request, action, who);
    return reply.code(204).send();
  });

  server.get("/clusters", async (request) => {
    const who = await requireToken(context, request, "list-clusters");
    requireFreshCaches(context);
    audit(context, request, "list-clusters", who);
    return { apiURL: context.config.proxyURL, clusters: clustersOf(context, who) };
  });

  server.get("/.well-known/drover", async (request) => {
    const source = sourceFor(context, request);
    const waitSeconds = source.standsForMany ? 0 : context.tokenLimiter.admit(undefined, source, context.now().getTime());
    if (waitSeconds > 0) throw tooManyRequests("TooManyRequests", waitSeconds);
    const providers = context.providers.list().filter(isAccepted);
    return {
      apiURL: context.config.proxyURL,
      providers: providers.map(({ metadata: { name }, spec }) => ({
        name,
        type: PROVIDER_TYPES.find((type) => spec[type] !== undefined) ?? "",
        ...(spec.displayName === undefined ? {} : { displayName: spec.displayName }),
      })),
    };
  });

  server.post("/agents/:cluster/register", { schema: { params: byCluster, body: registerBody } }, async (request) =>
    registerAgent(context, agent(request), request.body as RegisterRequest),
  );
  server.post("/agents/:cluster/challenge", { schema: { params: byCluster, body: noBody } }, async (request) =>
    challengeAgent(context, agent(request)),
  );
  server.post("/agents/:cluster/token", { schema: { params: byCluster, body: agentTokenBody } }, async (request) =>
    agentToken(context, agent(request), request.body as AgentTokenRequest),
  );
}

/** Node joins several headers of this name by commas, as the standard defines it. */
function sourceFor({ balancers }: Context, { raw }: FastifyRequest): Source {
  return sourceOf(raw.socket.remoteAddress ?? "", raw.headers["x-forwarded-for"] as string | undefined, balancers);
}

const PROVIDER_TYPES = ["local", "activeDirectory", "ldap", "github", "oidc"] as const;

async function requireToken(context: Context, request: FastifyRequest, action: Decision["action"]): Promise<Authenticated> {
  const source = sourceFor(context, request);
  try {
    return await authenticate(context, authorizationsIn(request.raw.rawHeaders), source);
  } catch (error) {
    if (error instanceof Refusal)
      context.audit.record({ action, decision: "deny", reason: reasonOf(error), source: source.address, requestId: String(request.id) });
    throw error;
  }
}

function audit(context: Context, request: FastifyRequest, action: Decision["action"], { user, token }: Authenticated): void {
  const [source, requestId] = [sourceFor(context, request).address, String(request.id)];
  const { provider } = token.spec;
  context.audit.record({
    action,
    decision: "allow",
    reason: "Granted",
    source,
    requestId,
    user: user.metadata.name,
    provider,
    token: token.metadata.name,
  });
}

/** A token that is already gone is revoked, too. */
async function revoke(context: Context, { token }: Authenticated): Promise<void> {
  try {
    await context.hub.delete(Token, { name: token.metadata.name }, { uid: token.metadata.uid });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/** The list of clusters comes from caches. Beyond this age they may still name users who were removed long ago. */
function requireFreshCaches(context: Context): void {
  const staleMs = Math.max(context.clusters.staleForMs(), context.members.staleForMs());
  if (staleMs > context.config.staleAfterSeconds * 1000)
    throw new Refusal("HubUnavailable", "the hub has been silent for too long; try again in 10 s", {
      auditReason: "Stale",
      retryAfterSeconds: 10,
    });
}
