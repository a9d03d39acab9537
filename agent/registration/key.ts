// The agent's own Ed25519 key: made here, kept in this cluster, never sent anywhere. Whoever holds it is this cluster's agent.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { MANAGED_BY } from "../../lib/access/names.ts";
import { agentTokenText, PUBLIC_KEY_BYTES, registerText } from "../../lib/identity/agent-key.ts";
import { isAlreadyExists, type KubeClient } from "../../lib/kube/client.ts";
import { Secret } from "../../lib/kube/core.ts";

export const KEY_SECRET = "agent-key";
const FIELD = "privateKey";

export class AgentKey {
  readonly #private: KeyObject;

  constructor(pem: string) {
    this.#private = createPrivateKey(pem);
    if (this.#private.asymmetricKeyType !== "ed25519") throw new Error(`Secret ${KEY_SECRET} holds a key that is not Ed25519`);
  }

  /** Base64 of the raw public key. */
  get publicKey(): string {
    const der = createPublicKey(this.#private).export({ type: "spki", format: "der" });
    return der.subarray(der.length - PUBLIC_KEY_BYTES).toString("base64");
  }

  signRegistration(cluster: string, token: string): string {
    return this.#sign(registerText(cluster, token));
  }

  signNonce(cluster: string, nonce: string): string {
    return this.#sign(agentTokenText(cluster, nonce));
  }

  #sign(text: string): string {
    return sign(null, Buffer.from(text, "utf8"), this.#private).toString("base64");
  }
}

/** The key that this cluster holds; made when there is none. Two agents that start at once end up with the same one. */
export async function loadOrMakeKey(managed: KubeClient, namespace: string, signal: AbortSignal): Promise<AgentKey> {
  const at = { namespace, name: KEY_SECRET };
  const found = await managed.find(Secret, at, { signal });
  if (found !== undefined) return keyIn(found);
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const data = { [FIELD]: Buffer.from(pem).toString("base64") };
  try {
    return keyIn(
      await managed.create(Secret, { apiVersion: "v1", kind: "Secret", metadata: { ...at, labels: MANAGED_BY }, data }, { signal }),
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return keyIn(await managed.get(Secret, at, { signal }));
  }
}

function keyIn(secret: Secret): AgentKey {
  const value = secret.data?.[FIELD];
  if (value === undefined) throw new Error(`Secret ${KEY_SECRET} has no key ${FIELD}: delete the Secret and register the cluster anew`);
  return new AgentKey(Buffer.from(value, "base64").toString("utf8"));
}
