// What the routes of auth share; created once in main.ts.
import type { BlockList } from "node:net";
import type { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import type { Cluster } from "../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import type { Cache } from "../lib/kube/cache.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { RateLimiter } from "../lib/server/rate.ts";
import type { NonceStore } from "./agents/nonce-store.ts";
import type { Audit } from "./audit.ts";
import type { AuthConfig } from "./config.ts";
import type { LoginLimiter } from "./login/limiter.ts";
import type { PasswordQueue } from "./login/password-queue.ts";
import type { TokenLimiter } from "./token-limiter.ts";

export interface Context {
  readonly config: Pick<AuthConfig, "proxyURL" | "tokenTTLSeconds" | "staleAfterSeconds">;
  /** Decisions about sessions read the hub itself, never a cache: a user who was disabled a moment ago must not get in. */
  readonly hub: KubeClient;
  /** For what clients may ask without a token, and for the list of clusters. */
  readonly providers: Cache<AuthProvider>;
  readonly clusters: Cache<Cluster>;
  readonly members: Cache<ClusterMembers>;
  readonly logins: LoginLimiter;
  /** Requests of agents: by source, and by source and cluster. */
  readonly agentSources: RateLimiter;
  readonly agents: RateLimiter;
  /** Requests with a token, and those that need none. */
  readonly tokenLimiter: TokenLimiter;
  readonly passwords: PasswordQueue;
  readonly nonces: NonceStore;
  readonly audit: Audit;
  /** Load balancers whose X-Forwarded-For is trusted. */
  readonly balancers: BlockList;
  readonly now: () => Date;
}
