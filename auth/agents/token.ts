// POST /agents/<cluster>/challenge and /token: a registered agent signs a nonce and gets a hub token of its own ServiceAccount for an hour.
import { ClusterRegistration, Registered } from "../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, AGENT_KEY_ANNOTATION, clusterNamespace } from "../../lib/access/names.ts";
import { agentTokenText, fingerprint, keyAudience } from "../../lib/identity/agent-key.ts";
import { isForbidden, isNotFound } from "../../lib/kube/client.ts";
import { ServiceAccount } from "../../lib/kube/core.ts";
import { hasCondition, keyOf } from "../../lib/kube/object.ts";
import { READY } from "../../lib/reconcile/ready.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import { reasonOf } from "../audit.ts";
import type { Context } from "../context.ts";
import { type AgentClient, admitAgent, recorded } from "./limits.ts";
import { writeStatus } from "./register.ts";
import { signatureMatches } from "./signature.ts";

const LIFETIME_SECONDS = 3600;
/** The shortest lifetime that API servers accept. */
const SHORTEST_SECONDS = 600;

export interface AgentTokenRequest {
  readonly nonce: string;
  readonly signature: string;
}

/** Everybody gets a nonce for any name, so the answer does not reveal which clusters exist. */
export async function challengeAgent(context: Context, client: AgentClient): Promise<{ nonce: string }> {
  admitAgent(context, client, "agent-challenge");
  return { nonce: await context.nonces.make(client.cluster) };
}

export async function agentToken(
  context: Context,
  client: AgentClient,
  request: AgentTokenRequest,
): Promise<{ token: string; expiresAt: string }> {
  admitAgent(context, client, "agent-token");
  try {
    const registration = await checkAnswer(context, client.cluster, request);
    const keyFingerprint = fingerprint(Buffer.from(registration.status?.publicKey ?? "", "base64"));
    await approve(context, registration, keyFingerprint);
    const answer = await requestAgentToken(context, client.cluster, keyFingerprint);
    await checkStillOnRecord(context, registration);
    context.audit.record({
      action: "agent-token",
      decision: "allow",
      reason: "Granted",
      ...recorded(client),
      fingerprint: keyFingerprint,
    });
    return answer;
  } catch (error) {
    if (error instanceof Refusal)
      context.audit.record({ action: "agent-token", decision: "deny", reason: reasonOf(error), ...recorded(client) });
    throw error;
  }
}

/** The registration whose key signed the nonce. The answer is the same for an unknown cluster and a wrong signature. */
async function checkAnswer(context: Context, cluster: string, { nonce, signature }: AgentTokenRequest): Promise<ClusterRegistration> {
  const result = await context.nonces.verify(cluster, nonce);
  if (result !== "valid")
    throw new Refusal("NonceRefused", `the nonce is ${result}; ask for another: POST /agents/${cluster}/challenge`, {
      auditReason: `Nonce${result}`,
    });
  const registration = await context.hub.find(ClusterRegistration, { name: AGENT, namespace: clusterNamespace(cluster) });
  const publicKey = registration?.status?.publicKey;
  if (registration === undefined || publicKey === undefined || !signatureMatches(publicKey, agentTokenText(cluster, nonce), signature))
    throw new Refusal("NotRegistered", `this key is not registered for ${cluster}; register first: POST /agents/${cluster}/register`);
  if (!context.nonces.use(nonce))
    throw new Refusal("NonceRefused", `the nonce is used; ask for another: POST /agents/${cluster}/challenge`, {
      auditReason: "Nonceused",
    });
  return registration;
}

/** An administrator compares the fingerprint and sets `approval` to Automatic. The condition follows the next time the agent asks. */
async function approve(context: Context, registration: ClusterRegistration, keyFingerprint: string): Promise<void> {
  const { conditions = [], observedGeneration } = registration.status ?? {};
  const isRegistered = hasCondition(registration, Registered.type);
  const isCurrent = conditions.some(({ type }) => type === READY) && observedGeneration === registration.metadata.generation;
  if (isRegistered && isCurrent) return;
  if (!isRegistered && registration.spec.approval !== "Automatic")
    throw new Refusal("AwaitingApproval", `the agent ${keyFingerprint} waits for approval; try again later`);
  await writeStatus(context, registration, registration.status ?? {}, true);
}

/** A token for a key that was revoked at the same moment is not handed out. */
async function checkStillOnRecord(context: Context, before: ClusterRegistration): Promise<void> {
  const now = await context.hub.find(ClusterRegistration, keyOf(before));
  if (now?.metadata.uid !== before.metadata.uid || now?.status?.publicKey !== before.status?.publicKey)
    throw new Refusal("NotRegistered", "this key was revoked; register again", { auditReason: "RevokedMeanwhile" });
}

/** The token names the key that it is for, so that the proxy can check whether that key is still on record. */
async function requestAgentToken(context: Context, cluster: string, keyFingerprint: string): Promise<{ token: string; expiresAt: string }> {
  const key = { name: AGENT, namespace: clusterNamespace(cluster) };
  try {
    // An account of another key is about to be deleted: the clusters operator creates one for this key.
    const account = await context.hub.get(ServiceAccount, key);
    if (account.metadata.annotations?.[AGENT_KEY_ANNOTATION] !== keyFingerprint) throw notReady(cluster);
    // A token that is requested without audiences gets the API server's own.
    const { audiences } = await context.hub.requestToken(key, { expirationSeconds: SHORTEST_SECONDS });
    const { token, expirationTimestamp } = await context.hub.requestToken(key, {
      audiences: [...audiences, keyAudience(keyFingerprint)],
      expirationSeconds: LIFETIME_SECONDS,
    });
    return { token, expiresAt: expirationTimestamp };
  } catch (error) {
    // The clusters operator creates the account and the permission to request its tokens, perhaps a moment after the agent asks.
    if (!isNotFound(error) && !isForbidden(error)) throw error;
    throw notReady(cluster);
  }
}

const notReady = (cluster: string): Refusal =>
  new Refusal("AccountNotReady", `the account of the agent of ${cluster} is not ready yet; try again in 2 s`);
