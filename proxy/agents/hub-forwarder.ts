// An agent's request to the hub's API server: its own few objects, with its own token. The proxy adds nothing to it, above all not
// its own identity, and holds nothing back: what a watch says goes on at once.

import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { judgeAnswer } from "../../lib/identity/answer.ts";
import type { Connection } from "../../lib/kube/client.ts";
import type { RateLimiter } from "../../lib/limits/rate.ts";
import { tlsOptions } from "../../lib/outbound/trust.ts";
import { type Client, refuse } from "../client.ts";
import type { Outcome } from "../forward.ts";
import { Refusal } from "../refusal.ts";
import type { Admitted } from "../request.ts";
import { agentToken } from "./account.ts";
import { mayAskHub } from "./allow.ts";

export interface HubForwarderOptions {
  /** Where the hub is; of the connection's credentials none is used. */
  readonly hub: Pick<Connection, "server" | "ca" | "serverName">;
  /** By cluster and address: whoever only claims to be the agent must not use up what the agent may do. */
  readonly rate: RateLimiter;
  /** Whether there is such a cluster. */
  readonly hasCluster: (cluster: string) => boolean;
  readonly openPerAgent?: number;
  readonly maxBodyBytes?: number;
}

const OPEN_PER_AGENT = 64;
/** An agent's report has bounded fields; nothing it sends comes near. */
const MAX_BODY_BYTES = 1024 * 1024;

export class HubForwarder {
  readonly #options: HubForwarderOptions;
  readonly #url: URL;
  readonly #prefix: string;
  readonly #agent: Agent;
  /** What each agent has under way, by cluster and address: how to cut it off. */
  readonly #open = new Map<string, Set<() => void>>();

  constructor(options: HubForwarderOptions) {
    this.#options = options;
    this.#url = new URL(options.hub.server);
    if (this.#url.protocol !== "https:") throw new Error(`the hub must be reached over https, not ${options.hub.server}`);
    this.#prefix = this.#url.pathname.replace(/\/+$/, "");
    // Below the 90 s after which an API server ends idle connections.
    this.#agent = new Agent({
      keepAlive: true,
      timeout: 60_000,
      maxFreeSockets: 256,
      ...tlsOptions(options.hub),
    });
  }

  /** `done` is called exactly once. */
  handle(client: Client, admitted: Admitted, done: (outcome: Outcome) => void): void {
    const { cluster, method, path } = admitted;
    let bytesIn = 0;
    let bytesOut = 0;
    let status = 0;
    let refused: Refusal | undefined;
    const stop = (refusal: Refusal): void => {
      if (refused !== undefined) return;
      refused = refusal;
      if (!client.responded) status = refusal.status;
      refuse(client, refusal);
    };
    let leave = (): void => {};
    client.onClose(() => {
      leave();
      done({ status, ...(refused ? { refusal: refused } : {}), bytesIn, bytesOut });
    });
    const token = agentToken(admitted.authorization, cluster);
    if (token === undefined) return stop(new Refusal("Unauthorized", "Unauthorized", "NotThisAgentsToken"));
    if (!this.#options.hasCluster(cluster) || !mayAskHub(cluster, method, path))
      return stop(new Refusal("AgentForbidden", "forbidden: an agent may not ask this of the hub"));
    const key = `${cluster} ${admitted.rateKey}`;
    const open = this.#open.get(key) ?? new Set();
    if (this.#options.rate.admit(key, performance.now()) > 0 || open.size >= (this.#options.openPerAgent ?? OPEN_PER_AGENT)) {
      return stop(new Refusal("TooManyRequests", "too many requests of this agent; try again"));
    }
    const req = this.#request(admitted, token);
    const cut = (): void => stop(new Refusal("AgentForbidden", "forbidden: the agent's key was withdrawn"));
    this.#open.set(key, open.add(cut));
    leave = () => {
      open.delete(cut);
      if (open.size === 0) this.#open.delete(key);
      req.destroy();
    };
    req.on("error", () => stop(new Refusal("HubUnavailable", "the hub does not answer; try again")));
    req.on("response", (res: IncomingMessage) => {
      const judged = judgeAnswer({ method, path }, { status: res.statusCode ?? 0, headers: res.rawHeaders });
      if (judged.is === "unfit") {
        stop(new Refusal("AnswerRefused", `the hub ${judged.because}`));
        req.destroy();
        return;
      }
      status = judged.status;
      client.respond(judged.status, judged.headers);
      res.on("data", (piece: Buffer) => {
        bytesOut += piece.length;
      });
      res.on("error", () => client.abort("broken"));
      res.on("close", () => res.complete || client.abort("broken"));
      res.pipe(client.sink);
    });
    const { body } = client;
    if (body === undefined) {
      req.end();
      return;
    }
    body.on("data", (piece: Buffer) => {
      bytesIn += piece.length;
      if (bytesIn <= (this.#options.maxBodyBytes ?? MAX_BODY_BYTES)) return;
      stop(new Refusal("BodyTooLarge", "the body is larger than an agent's may be"));
      req.destroy();
    });
    body.pipe(req);
  }

  /** The agent's key was withdrawn: what it has open ends. */
  cut(cluster: string): void {
    for (const [key, open] of [...this.#open]) if (key.startsWith(`${cluster} `)) for (const cut of [...open]) cut();
  }

  close(): void {
    this.#agent.destroy();
  }

  #request({ method, path, headers }: Admitted, token: string): ClientRequest {
    return request({
      host: this.#url.hostname,
      port: this.#url.port || 443,
      method,
      path: this.#prefix + path,
      headers: ["Host", this.#url.host, ...headers, "Authorization", `Bearer ${token}`],
      agent: this.#agent,
    });
  }
}
