// Accepts the tunnel of an agent: its token is verified, then the connection becomes a Session on which the proxy opens streams.
import type { Duplex } from "node:stream";
import type { RateLimiter } from "../../lib/server/rate.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { ByteBudget } from "../../lib/tunnel/budget.ts";
import { offersTunnel, REPLICA_HEADER, TUNNEL_VERSION, UPGRADE_TOKEN, VERSION_HEADER } from "../../lib/tunnel/handshake.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { AdmittedRequest } from "../admit.ts";
import type { Tunnels } from "../tunnels.ts";
import type { AgentTokens } from "./agent-tokens.ts";

export interface TunnelEndpointOptions {
  readonly tokens: AgentTokens;
  readonly tunnels: Tunnels;
  /** What the streams of all tunnels may buffer together. */
  readonly budget: ByteBudget;
  readonly replicaId: string;
  /** Names of all replicas, as they are now. */
  readonly replicas: () => readonly string[];
  /** By the address that dials. */
  readonly rate: RateLimiter;
}

/** The part of a TLS socket that is needed here. */
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

  /** Makes a tunnel of the connection. Never throws; the caller answers with the refusal. */
  async accept(request: AdmittedRequest, socket: Tunable, behind: Buffer): Promise<Session | Refusal> {
    const { cluster } = request;
    if (!offersTunnel(request.upgrade)) return new Refusal("UpgradeRefused", `this path changes to ${UPGRADE_TOKEN} only`);
    if (this.#options.rate.admit(request.rateKey, performance.now()) > 0)
      return new Refusal("TooManyRequests", "too many tunnels from this address; try again");
    // The hub is asked for each tunnel, which then lasts for as long as the key is on record.
    const token = await this.#options.tokens.verify(request.authorization, cluster, 0);
    if (token instanceof Refusal) return token;
    return this.#begin(cluster, socket, behind);
  }

  #begin(cluster: string, socket: Tunable, behind: Buffer): Session | Refusal {
    if (socket.destroyed || !socket.writable) return new Refusal("Interrupted", "the agent has disconnected");
    const { budget, replicaId, replicas, tunnels } = this.#options;
    socket.setTimeout?.(0);
    socket.setNoDelay?.(true);
    socket.setKeepAlive?.(true, 15_000);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${UPGRADE_TOKEN}\r\n` +
        `${REPLICA_HEADER}: ${replicaId}\r\n${VERSION_HEADER}: ${TUNNEL_VERSION}\r\n\r\n`,
    );
    const session = new Session(socket, { role: "opener", budget }, behind);
    session.announce(replicas());
    tunnels.add(cluster, session);
    return session;
  }
}
