// POST /agents/<cluster>/register: an agent presents the registration token, and proves that it holds the private key of the public key it sends.
import { createHash } from "node:crypto";
import { ClusterRegistration, Registered } from "../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace } from "../../lib/access/names.ts";
import { fingerprint, registerText } from "../../lib/identity/agent-key.ts";
import { isConflict } from "../../lib/kube/client.ts";
import { mergeConditions } from "../../lib/reconcile/conditions.ts";
import type { ConditionIntent } from "../../lib/reconcile/contract.ts";
import { observedGeneration } from "../../lib/reconcile/ready.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { Context } from "../context.ts";
import { evaluateRegistration, type RegistrationResult } from "./evaluate.ts";
import { type AgentClient, admitAgent, recorded } from "./limits.ts";
import { signatureMatches } from "./signature.ts";

export interface RegisterRequest {
  readonly token: string;
  readonly publicKey: string;
  readonly signature: string;
}

/** Another replica may register at the same moment. The hub accepts one of the two writes; the other replica reads and evaluates once more. */
const TRIES = 3;

export async function registerAgent(context: Context, client: AgentClient, request: RegisterRequest): Promise<{ fingerprint: string }> {
  admitAgent(context, client, "register-agent");
  const { cluster } = client;
  const tokenHash = createHash("sha256").update(request.token).digest("hex");
  const signed = signatureMatches(request.publicKey, registerText(cluster, request.token), request.signature);
  const keyFingerprint = fingerprint(Buffer.from(request.publicKey, "base64"));

  for (let left = TRIES; ; left--) {
    const registration = await context.hub.find(ClusterRegistration, { name: AGENT, namespace: clusterNamespace(cluster) });
    const result = evaluateRegistration({ registration, tokenHash, publicKey: request.publicKey, signatureMatches: signed }, context.now());
    try {
      if (result === "Register" && registration !== undefined) {
        const key = { publicKey: request.publicKey, fingerprint: keyFingerprint, registeredAt: context.now().toISOString() };
        await writeStatus(context, registration, { ...registration.status, ...key }, registration.spec.approval === "Automatic");
      }
    } catch (error) {
      if (isConflict(error) && left > 1) continue;
      throw error;
    }
    const granted = result === "Register" || result === "AlreadyRegistered";
    context.audit.record({
      action: "register-agent",
      decision: granted ? "allow" : "deny",
      reason: result,
      ...recorded(client),
      ...(granted ? { fingerprint: keyFingerprint } : {}),
    });
    if (!granted) throw refusalOf(result, cluster);
    return { fingerprint: keyFingerprint };
  }
}

/** Writes the status of a registration that has a key on record, with its conditions and the generation that they are about. */
export async function writeStatus(
  context: Context,
  registration: ClusterRegistration,
  onRecord: NonNullable<ClusterRegistration["status"]>,
  approved: boolean,
): Promise<void> {
  const message = `an agent with the key ${onRecord.fingerprint} waits; when that is the agent's fingerprint, set spec.approval to Automatic`;
  const { type } = Registered;
  const registered: ConditionIntent = approved
    ? { type, status: "True", reason: Registered.Registered, message: "" }
    : { type, status: "False", reason: Registered.AwaitingApproval, message };
  const conditions = mergeConditions({
    ...{ existing: onRecord.conditions ?? [], intents: [registered], generation: registration.metadata.generation },
    ...{ now: context.now(), done: true, ready: ClusterRegistration.ready },
  });
  const status = { ...onRecord, ...observedGeneration(conditions), conditions };
  await context.hub.replace(ClusterRegistration, { ...registration, status }, { subresource: "status", fieldManager: "auth" });
}

/** Without the right token the answer is the same for an unknown cluster and a wrong token. */
function refusalOf(result: RegistrationResult, cluster: string): Refusal {
  const auditReason = result;
  const anew = `for a new one: kubectl drover import ${cluster}`;
  if (result === "WrongSignature")
    return new Refusal("SignatureRefused", "the signature does not fit the public key and the registration token", { auditReason });
  if (result === "TokenExpired") return new Refusal("RegistrationExpired", `the registration token has run out; ${anew}`, { auditReason });
  if (result !== "OtherKeyRegistered")
    return new Refusal("RegistrationRefused", `the registration token is not valid for ${cluster}; ${anew}`, { auditReason });
  const remedy = `delete ClusterRegistration ${AGENT} in namespace ${clusterNamespace(cluster)}, then: kubectl drover import ${cluster}`;
  return new Refusal("OtherKeyRegistered", `another agent is registered for ${cluster}; to replace it, ${remedy}`, { auditReason });
}
