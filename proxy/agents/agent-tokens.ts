// Verifies an agent's token before the first byte of its request goes on: its claims, the key on record for the cluster, the hub's signature, and
// whether the hub still accepts it. Claims and key are checked for each request. The signature is verified once, for as long as the hub lists the
// key that made it; the hub is asked again (TokenReview) when its last answer is older than the caller allows, or the token has expired.
import { createHash, type KeyObject } from "node:crypto";
import { ApiError, type KubeClient } from "../../lib/kube/client.ts";
import { RecentMap } from "../../lib/server/recent-map.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import { agentAccount, agentClaim, type Claim, isForKey } from "./agent-claim.ts";
import type { HubKeys } from "./hub-keys.ts";

export interface AgentTokensOptions {
  /** Has connections of its own, so that these requests and others do not wait for each other. */
  readonly hub: KubeClient;
  readonly keys: Pick<HubKeys, "signerOf" | "has">;
  /** Whether there is such a cluster. */
  readonly hasCluster: (cluster: string) => boolean;
  /** The fingerprint of the key that is on record for the cluster's agent. */
  readonly keyOnRecord: (cluster: string) => string | undefined;
}

/** A token of the cluster's agent. */
export interface AgentToken {
  readonly token: string;
  /** SHA-256 in hexadecimal. */
  readonly hash: string;
}

interface Verified {
  /** The hub's key that signed the token. */
  readonly signer: KeyObject;
  /** When the hub last accepted the token, in milliseconds of performance.now(); undefined: not yet. */
  readonly reviewedAt: number | undefined;
}

const REVIEWS_PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
const TIMEOUT_MS = 10_000;
/** The hub's API server checks the token of each request as well. This only limits for how long revoked tokens still reach it. */
export const REVIEWED_FOR_MS = 60_000;

export class AgentTokens {
  readonly #options: AgentTokensOptions;
  /** By hash. Only tokens that the hub signed are in here, so other clients cannot fill it. */
  readonly #verified = new RecentMap<Verified>();
  readonly #reviews = new Map<string, Promise<boolean>>();

  constructor(options: AgentTokensOptions) {
    this.#options = options;
  }

  /** `maxAgeMs`: how old the hub's last answer about the token may be. Never throws. */
  async verify(authorization: readonly string[], cluster: string, maxAgeMs: number): Promise<AgentToken | Refusal> {
    const claim = agentClaim(authorization, cluster, Date.now());
    if (claim === undefined) return unauthorized("NotThisAgentsToken");
    const early = this.#checkRegistration(cluster, claim);
    if (early !== undefined) return early;
    const { token } = claim;
    const hash = createHash("sha256").update(token).digest("hex");
    try {
      const verified = await this.#checkSignature(token, hash);
      if (verified === undefined) return unauthorized("SignatureRefused");
      const { reviewedAt } = verified;
      const isRecent = reviewedAt !== undefined && performance.now() - reviewedAt < maxAgeMs && Date.now() < claim.expiresAt;
      if (!isRecent && !(await this.#review(token, hash, cluster))) return unauthorized("TokenNotAccepted");
    } catch (error) {
      const auditReason = error instanceof ApiError ? `HubAnswered${error.code}` : "HubSilent";
      return new Refusal("HubUnavailable", "the hub does not answer; try again", { auditReason });
    }
    // Once more: the key on record may have changed while the hub was asked.
    return this.#checkRegistration(cluster, claim) ?? { token, hash };
  }

  #checkRegistration(cluster: string, claim: Claim): Refusal | undefined {
    // To a client that has not proved to be its agent, a cluster that does not exist looks like any other.
    if (!this.#options.hasCluster(cluster)) return unauthorized("NoSuchCluster");
    return isForKey(claim, this.#options.keyOnRecord(cluster)) ? undefined : unauthorized("KeyNotOnRecord");
  }

  async #checkSignature(token: string, hash: string): Promise<Verified | undefined> {
    const { keys } = this.#options;
    const before = this.#verified.get(hash);
    if (before !== undefined && keys.has(before.signer)) return before;
    const signer = await keys.signerOf(token);
    if (signer === undefined) {
      this.#verified.delete(hash);
      return undefined;
    }
    const verified = { signer, reviewedAt: before?.reviewedAt };
    this.#verified.set(hash, verified);
    return verified;
  }

  #review(token: string, hash: string, cluster: string): Promise<boolean> {
    const review = this.#reviews.get(hash) ?? this.#ask(token, hash, cluster).finally(() => this.#reviews.delete(hash));
    this.#reviews.set(hash, review);
    return review;
  }

  async #ask(token: string, hash: string, cluster: string): Promise<boolean> {
    const at = performance.now();
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec: { token } };
    const answer = (await this.#options.hub.request("POST", REVIEWS_PATH, { body, timeoutMs: TIMEOUT_MS })) as {
      status?: { authenticated?: boolean; user?: { username?: string } };
    };
    const accepted = answer.status?.authenticated === true && answer.status.user?.username === agentAccount(cluster);
    const verified = this.#verified.get(hash);
    if (!accepted) this.#verified.delete(hash);
    else if (verified !== undefined) this.#verified.set(hash, { ...verified, reviewedAt: at });
    return accepted;
  }
}

const unauthorized = (auditReason: string): Refusal => new Refusal("Unauthorized", "Unauthorized", { auditReason });
