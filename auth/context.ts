// What the routes of auth work with; made once in main.ts.

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
  /** Decisions read the hub itself, never a cache: a login is rare, and a user disabled a moment ago must not get in. */
  readonly hub: KubeClient;
  /** For what strangers may ask as often as they like, and for the list of clusters. */
  readonly providers: Cache<AuthProvider>;
  readonly clusters: Cache<Cluster>;
  readonly members: Cache<ClusterMembers>;
  readonly logins: LoginLimiter;
  /** Requests of agents: by source, and by source and cluster. */
  readonly agentSources: RateLimiter;
  readonly agents: RateLimiter;
  /** Requests that carry a token, and those that need none. */
  readonly tokenLimiter: TokenLimiter;
  readonly passwords: PasswordQueue;
  readonly nonces: NonceStore;
  readonly audit: Audit;
  /** Those that say for whom they speak. */
  readonly balancers: BlockList;
  readonly now: () => Date;
}
