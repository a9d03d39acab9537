// The nonces of agents. They are signed with a key in one Secret, which all replicas of auth share and the first that needs it creates.
// Each replica remembers the nonces that were used here within their lifetime, so that a recorded answer cannot be replayed to it.
import { randomBytes } from "node:crypto";
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { isAlreadyExists, type KubeClient } from "../../lib/kube/client.ts";
import { Secret } from "../../lib/kube/core.ts";
import { makeNonce, NONCE_KEY_BYTES, NONCE_LIFETIME_MS, NONCE_RANDOM_BYTES, verifyNonce } from "./nonce.ts";

export const NONCE_SECRET = "auth-nonce-key";
const DATA_KEY = "key";

/** A key that was replaced on the hub takes effect within this time. */
const REREAD_MS = 60_000;

export class NonceStore {
  readonly #hub: KubeClient;
  readonly #now: () => Date;
  readonly #used = new Map<string, number>();
  #key: { readonly bytes: Uint8Array; readonly readAt: number } | undefined;

  constructor(hub: KubeClient, now: () => Date) {
    this.#hub = hub;
    this.#now = now;
  }

  async make(cluster: string): Promise<string> {
    return makeNonce(await this.#secretKey(), cluster, this.#now(), randomBytes(NONCE_RANDOM_BYTES));
  }

  /** Leaves the nonce unused: `use` follows, once the signature is checked. */
  async verify(cluster: string, nonce: string): Promise<"valid" | "expired" | "forged" | "used"> {
    const result = verifyNonce(await this.#secretKey(), cluster, this.#now(), nonce);
    return result === "valid" && this.#used.has(nonce) ? "used" : result;
  }

  /** False when it was used meanwhile. To be called for nonces with a valid signature only, so that other clients cannot fill the memory. */
  use(nonce: string): boolean {
    const now = this.#now().getTime();
    for (const [old, until] of this.#used) {
      if (until > now) break;
      this.#used.delete(old);
    }
    if (this.#used.has(nonce)) return false;
    this.#used.set(nonce, now + NONCE_LIFETIME_MS);
    return true;
  }

  async #secretKey(): Promise<Uint8Array> {
    const now = this.#now().getTime();
    if (this.#key !== undefined && now - this.#key.readAt < REREAD_MS) return this.#key.bytes;
    const bytes = await this.#readOrMake();
    this.#key = { bytes, readAt: now };
    return bytes;
  }

  async #readOrMake(): Promise<Uint8Array> {
    const key = { name: NONCE_SECRET, namespace: SYSTEM_NAMESPACE };
    const found = await this.#hub.find(Secret, key);
    if (found !== undefined) return keyBytes(found);
    const made = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: key,
      type: "Opaque",
      data: { [DATA_KEY]: randomBytes(NONCE_KEY_BYTES).toString("base64") },
    };
    try {
      return keyBytes(await this.#hub.create(Secret, made, { fieldManager: "auth" }));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return keyBytes(await this.#hub.get(Secret, key));
    }
  }
}

function keyBytes(secret: Secret): Uint8Array {
  const bytes = Buffer.from(secret.data?.[DATA_KEY] ?? "", "base64");
  if (bytes.length < NONCE_KEY_BYTES)
    throw new Error(
      `Secret ${SYSTEM_NAMESPACE}/${NONCE_SECRET} has no key "${DATA_KEY}" of ${NONCE_KEY_BYTES} bytes; delete it, and auth makes a new one`,
    );
  return bytes;
}
