// Whether the hub's API server signed a token. Its public keys are fetched once, and again when a token names another key: so forged tokens
// cost the hub nothing.
import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import type { KubeClient } from "../../lib/kube/client.ts";

export const KEYS_PATH = "/openid/v1/jwks";
/** Tokens that name invented keys do not cause more fetches than this. */
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
  #listed: ReadonlySet<KeyObject> = new Set();
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(hub: KubeClient) {
    this.#hub = hub;
  }

  /** The key with which the hub signed the token; undefined: it did not. Throws when the hub has to be asked for its keys and does not answer. */
  async signerOf(token: string): Promise<KeyObject | undefined> {
    const [head = "", claims = "", signature = ""] = token.split(".");
    const { alg, kid } = headerOf(head);
    const algorithm = alg === undefined ? undefined : ALGORITHMS[alg];
    if (algorithm === undefined || kid === undefined) return undefined;
    if (!this.#keys.has(kid)) await this.#refresh();
    const key = this.#keys.get(kid);
    if (key?.asymmetricKeyType !== algorithm.type) return undefined;
    const given = Buffer.from(signature, "base64url");
    const isSigned = verify(algorithm.hash, Buffer.from(`${head}.${claims}`), { key, dsaEncoding: "ieee-p1363" }, given);
    return isSigned ? key : undefined;
  }

  /** Whether the hub still lists the key, as of the last fetch. */
  has(key: KeyObject): boolean {
    return this.#listed.has(key);
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
    this.#keys = new Map(keys.map(({ kid = "", ...jwk }) => [kid, this.#keyOf(kid, jwk)]));
    this.#listed = new Set(this.#keys.values());
    // A fetch that failed does not count: the hub may be back for the next token.
    this.#refreshedAt = performance.now();
  }

  /** A key that is listed as before stays the same object, so that what it has verified stays verified. */
  #keyOf(kid: string, jwk: JsonWebKey): KeyObject {
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const before = this.#keys.get(kid);
    return before?.equals(key) ? before : key;
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
