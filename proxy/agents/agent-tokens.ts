// Whose token an agent shows, found out before the first byte of anything goes on: what the token claims, whether the cluster's key is
// still the one for which it was given, whether the hub signed it, and at last whether the hub still takes it.
import { createHash } from "node:crypto";
import { ApiError, type KubeClient } from "../../lib/kube/client.ts";
import { RecentMap } from "../../lib/server/rate.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import { agentAccount, agentClaim, type Claim, isForKey } from "./account.ts";
import type { HubKeys } from "./hub-keys.ts";

export interface AgentTokensOptions {
  /** Has connections of its own: nobody else's requests wait for those of agents, nor theirs for them. */
  readonly hub: KubeClient;
  readonly keys: Pick<HubKeys, "signed">;
  /** Whether there is such a cluster. */
  readonly hasCluster: (cluster: string) => boolean;
  /** The fingerprint of the key that is on record for its agent. */
  readonly keyOnRecord: (cluster: string) => string | undefined;
}

/** A token that is the cluster's agent's. */
export interface AgentToken {
  readonly token: string;
  /** SHA-256 in hexadecimal. */
  readonly hash: string;
}

const REVIEWS_PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
const TIMEOUT_MS = 10_000;
/** The hub's API server looks at the token of each request again, so this only keeps what it no longer takes from reaching it for long. */
export const REVIEWED_FOR_MS = 60_000;

export class AgentTokens {
  readonly #options: AgentTokensOptions;
  /** By hash: when the hub took the token last, in milliseconds of performance.now(). Only tokens that the hub signed come in. */
  readonly #reviewed = new RecentMap<number>();
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(options: AgentTokensOptions) {
    this.#options = options;
  }

  /** `maxAgeMs`: how long ago the hub may have been asked. Never throws. */
  async verify(authorization: readonly string[], cluster: string, maxAgeMs: number): Promise<AgentToken | Refusal> {
    const claim = agentClaim(authorization, cluster, Date.now());
    if (claim === undefined) return unauthorized("NotThisAgentsToken");
    const early = this.#evaluateRegistration(cluster, claim);
    if (early !== undefined) return early;
    const { token } = claim;
    const hash = createHash("sha256").update(token).digest("hex");
    try {
      if (!(await this.#options.keys.signed(token))) return unauthorized("SignatureRefused");
      const at = this.#reviewed.get(hash);
      const isFresh = at !== undefined && performance.now() - at < maxAgeMs && Date.now() < claim.expiresAt;
      if (!isFresh && !(await this.#review(token, hash, cluster))) return unauthorized("TokenNotTaken");
    } catch (error) {
      const because = error instanceof ApiError ? `HubAnswered${error.code}` : "HubSilent";
      return new Refusal("HubUnavailable", "the hub does not answer; try again", { because });
    }
    // Once more: what was on record may have gone while the hub was asked.
    return this.#evaluateRegistration(cluster, claim) ?? { token, hash };
  }

  #evaluateRegistration(cluster: string, claim: Claim): Refusal | undefined {
    // To whoever has not proved to be its agent, a cluster that is not there looks like any other.
    if (!this.#options.hasCluster(cluster)) return unauthorized("NoSuchCluster");
    return isForKey(claim, this.#options.keyOnRecord(cluster)) ? undefined : unauthorized("KeyNotOnRecord");
  }

  #review(token: string, hash: string, cluster: string): Promise<boolean> {
    const asking = this.#asking.get(hash) ?? this.#ask(token, hash, cluster).finally(() => this.#asking.delete(hash));
    this.#asking.set(hash, asking);
    return asking;
  }

  async #ask(token: string, hash: string, cluster: string): Promise<boolean> {
    const at = performance.now();
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec: { token } };
    const answer = (await this.#options.hub.request("POST", REVIEWS_PATH, { body, timeoutMs: TIMEOUT_MS })) as {
      status?: { authenticated?: boolean; user?: { username?: string } };
    };
    const taken = answer.status?.authenticated === true && answer.status.user?.username === agentAccount(cluster);
    if (taken) this.#reviewed.set(hash, at);
    else this.#reviewed.delete(hash);
    return taken;
  }
}

const unauthorized = (because: string): Refusal => new Refusal("Unauthorized", "Unauthorized", { because });
