// Whether the hub's API server signed a token, found out without asking it for each: its public keys are fetched once, and again when a
// token names one that is not known. Forged tokens so cost the hub nothing.
import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import type { KubeClient } from "../../lib/kube/client.ts";

export const KEYS_PATH = "/openid/v1/jwks";
/** Whoever makes up names of keys has them looked up no more often than this. */
const REFRESH_AT_MOST_EVERY_MS = 5_000;
const TIMEOUT_MS = 10_000;

/** The signature algorithms that an API server signs with. Nothing symmetric: a public key must not be usable as a secret. */
const ALGORITHMS: Readonly<Record<string, { readonly hash: string; readonly type: "rsa" | "ec" }>> = {
  RS256: { hash: "sha256", type: "rsa" },
  RS384: { hash: "sha384", type: "rsa" },
  RS512: { hash: "sha512", type: "rsa" },
  ES256: { hash: "sha256", type: "ec" },
  ES384: { hash: "sha384", type: "ec" },
  ES512: { hash: "sha512", type: "ec" },
};

export class HubKeys {
  readonly #hub: KubeClient;
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(hub: KubeClient) {
    this.#hub = hub;
  }

  /** Throws when the keys are not known and the hub does not answer. */
  async signed(token: string): Promise<boolean> {
    const [head = "", claims = "", signature = ""] = token.split(".");
    const { alg, kid } = headerOf(head);
    const algorithm = alg === undefined ? undefined : ALGORITHMS[alg];
    if (algorithm === undefined || kid === undefined) return false;
    if (!this.#keys.has(kid)) await this.#refresh();
    const key = this.#keys.get(kid);
    if (key?.asymmetricKeyType !== algorithm.type) return false;
    const given = Buffer.from(signature, "base64url");
    return verify(algorithm.hash, Buffer.from(`${head}.${claims}`), { key, dsaEncoding: "ieee-p1363" }, given);
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing === undefined && performance.now() - this.#refreshedAt < REFRESH_AT_MOST_EVERY_MS) return;
    this.#refreshing ??= this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #fetch(): Promise<void> {
    const { keys } = (await this.#hub.request("GET", KEYS_PATH, { timeoutMs: TIMEOUT_MS })) as { keys: (JsonWebKey & { kid?: string })[] };
    this.#keys = new Map(keys.map((jwk) => [jwk.kid ?? "", createPublicKey({ key: jwk, format: "jwk" })]));
    // Only what was answered counts: while the hub is away, each who comes may be the one for whom it is back.
    this.#refreshedAt = performance.now();
  }
}

function headerOf(part: string): { readonly alg?: string; readonly kid?: string } {
  try {
    const { alg, kid } = JSON.parse(Buffer.from(part, "base64url").toString("utf8")) as Record<string, unknown>;
    return { ...(typeof alg === "string" && { alg }), ...(typeof kid === "string" && { kid }) };
  } catch {
    return {};
  }
}
