// An agent's end of a tunnel arrives: the hub says whose token it is, then the connection becomes a Session that we open streams on.

import type { Duplex } from "node:stream";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { RateLimiter } from "../../lib/limits/rate.ts";
import {
  offersTunnel,
  REPLICA_HEADER,
  REPLICAS_HEADER,
  TUNNEL_VERSION,
  UPGRADE_TOKEN,
  VERSION_HEADER,
} from "../../lib/tunnel/handshake.ts";
import { Session } from "../../lib/tunnel/session.ts";
import { Refusal } from "../refusal.ts";
import type { Admitted } from "../request.ts";
import type { Tunnels } from "../tunnels.ts";
import { agentAccount, agentToken } from "./account.ts";
import { reviewToken } from "./token-review.ts";

export interface TunnelEndpointOptions {
  readonly hub: KubeClient;
  readonly tunnels: Tunnels;
  readonly replicaId: string;
  readonly replicas: number;
  /** By the address that dials. */
  readonly rate: RateLimiter;
  /** Whether there is such a cluster. */
  readonly hasCluster: (cluster: string) => boolean;
}

/** A TLS socket, as far as it matters here. */
interface Tunable extends Duplex {
  setNoDelay?(on: boolean): unknown;
  setTimeout?(ms: number): unknown;
  setKeepAlive?(on: boolean, delayMs: number): unknown;
}

export class TunnelEndpoint {
  readonly #options: TunnelEndpointOptions;

  constructor(options: TunnelEndpointOptions) {
    this.#options = options;
  }

  /** Makes a tunnel of the connection, or says why not. Never throws; the caller answers with the refusal. */
  async accept(request: Admitted, socket: Tunable, behind: Buffer): Promise<Session | Refusal> {
    const { cluster } = request;
    if (!offersTunnel(request.upgrade)) return new Refusal("UpgradeRefused", `this path changes to ${UPGRADE_TOKEN} only`);
    const token = agentToken(request.authorization, cluster);
    if (token === undefined) return new Refusal("Unauthorized", "Unauthorized", "NotThisAgentsToken");
    if (this.#options.rate.admit(request.rateKey, performance.now()) > 0)
      return new Refusal("TooManyRequests", "too many tunnels from this address; try again");
    let owner: string | undefined;
    try {
      owner = await reviewToken(this.#options.hub, token);
    } catch {
      return new Refusal("HubUnavailable", "the hub does not answer; try again");
    }
    if (owner !== agentAccount(cluster)) return new Refusal("Unauthorized", "Unauthorized", "TokenNotTaken");
    if (!this.#options.hasCluster(cluster)) return new Refusal("AgentForbidden", "forbidden: there is no such cluster");
    return this.#begin(cluster, socket, behind);
  }

  #begin(cluster: string, socket: Tunable, behind: Buffer): Session | Refusal {
    if (socket.destroyed || !socket.writable) return new Refusal("Interrupted", "the agent has left");
    const { replicaId, replicas, tunnels } = this.#options;
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, 15_000);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_TOKEN}\r\n` +
        `${REPLICA_HEADER}: ${replicaId}\r\n${REPLICAS_HEADER}: ${replicas}\r\n${VERSION_HEADER}: ${TUNNEL_VERSION}\r\n\r\n`,
    );
    const session = new Session(socket, { role: "opener" }, behind);
    tunnels.add(cluster, session);
    return session;
  }
}
