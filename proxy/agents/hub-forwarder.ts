// Forwards an agent's request to the hub's API server: for its own few objects, with its own token. The proxy does not add its own identity, and
// buffers nothing of the answer: events of a watch go on at once.
import type { IncomingMessage } from "node:http";
import { type PendingRequest, Upstream } from "../../lib/http1/upstream.ts";
import { evaluateAnswer } from "../../lib/identity/answer.ts";
import type { Connection } from "../../lib/kube/client.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { AdmittedRequest } from "../admit.ts";
import { type Client, refuse } from "../client.ts";
import type { Outcome } from "../forward.ts";
import type { AgentLimiter } from "./agent-limiter.ts";
import { type AgentToken, type AgentTokens, REVIEWED_FOR_MS } from "./agent-tokens.ts";
import { agentPermission, isMergePatch } from "./allow.ts";
import { readBody } from "./read-body.ts";

export interface HubForwarderOptions {
  /** Where the hub is; the credentials of the connection are not used. */
  readonly hub: Pick<Connection, "server" | "ca" | "serverName" | "proxyURL">;
  readonly tokens: Pick<AgentTokens, "verify">;
  /** By cluster; only requests of its own agent count. */
  readonly limits: Pick<AgentLimiter, "admit" | "written" | "read">;
}

const OPEN_PER_AGENT = 64;
const IDLE_PER_AGENT = 4;
const TOO_MANY_OPEN = new Refusal("TooManyRequests", `more than ${OPEN_PER_AGENT} requests of this agent are open`);

/** An open request of an agent, and its state. */
interface Exchange {
  readonly client: Client;
  bytesIn: number;
  bytesOut: number;
  status: number;
  refused: Refusal | undefined;
  /** The client has disconnected, or was refused. */
  over: boolean;
}

export class HubForwarder {
  readonly #options: HubForwarderOptions;
  readonly #upstream: Upstream;
  /** The open requests of each cluster's agent: functions that end them. */
  readonly #open = new Map<string, Set<() => void>>();

  constructor(options: HubForwarderOptions) {
    this.#options = options;
    const { server, ca, serverName, proxyURL } = options.hub;
    const sockets = { socketsPerIdentity: OPEN_PER_AGENT, idlePerIdentity: IDLE_PER_AGENT };
    this.#upstream = new Upstream({ server, ca, serverName, proxyURL, ...sockets });
  }

  /** `done` is called exactly once. */
  handle(client: Client, admitted: AdmittedRequest, done: (outcome: Outcome) => void): void {
    const exchange: Exchange = { client, bytesIn: 0, bytesOut: 0, status: 0, refused: undefined, over: false };
    client.onClose(() => {
      exchange.over = true;
      const { status, refused, bytesIn, bytesOut } = exchange;
      done({ status, ...(refused ? { refusal: refused } : {}), bytesIn, bytesOut });
    });
    void this.#serve(exchange, admitted);
  }

  /** Ends the open requests of an agent whose key was revoked. */
  cut(cluster: string): void {
    for (const cut of [...(this.#open.get(cluster) ?? [])]) cut();
  }

  close(): void {
    this.#upstream.close();
  }

  async #serve(exchange: Exchange, admitted: AdmittedRequest): Promise<void> {
    const { cluster, method, path, headers, authorization } = admitted;
    const { client } = exchange;
    const permission = agentPermission(cluster, method, path);
    if (permission === undefined) return stop(exchange, new Refusal("AgentForbidden", "forbidden: an agent may not ask this of the hub"));
    if (method === "PATCH" && !isMergePatch(headers))
      return stop(exchange, new Refusal("AgentForbidden", "forbidden: an agent's PATCH is of type application/merge-patch+json"));
    if (method === "GET" && client.body !== undefined)
      return stop(exchange, new Refusal("MalformedRequest", "a GET of an agent has no body"));
    const token = await this.#options.tokens.verify(authorization, cluster, REVIEWED_FOR_MS);
    if (token instanceof Refusal) return stop(exchange, token);
    // A client that has disconnected meanwhile would never give back the places that are taken from here on.
    if (exchange.over) return;
    const isFull = (this.#open.get(cluster)?.size ?? 0) >= OPEN_PER_AGENT;
    const busy = isFull ? TOO_MANY_OPEN : this.#options.limits.admit(admitted, performance.now());
    if (busy !== undefined) return stop(exchange, busy);
    const open = this.#open.get(cluster) ?? new Set();
    const cut = (): void => stop(exchange, new Refusal("AgentForbidden", "forbidden: the agent's key was revoked"));
    this.#open.set(cluster, open.add(cut));
    client.onClose(() => {
      open.delete(cut);
      if (open.size === 0) this.#open.delete(cluster);
    });
    const body = client.body === undefined ? undefined : await readBody(client.body, permission.patch?.maxBytes ?? 0);
    if (body instanceof Refusal) return stop(exchange, body);
    if (exchange.over) return;
    exchange.bytesIn = body?.length ?? 0;
    this.#options.limits.written(cluster, performance.now(), exchange.bytesIn);
    client.onClose(() => this.#options.limits.read(cluster, performance.now(), exchange.bytesOut));
    this.#send(exchange, admitted, token, body);
  }

  #send(
    exchange: Exchange,
    { cluster, method, path, headers }: AdmittedRequest,
    { token, hash }: AgentToken,
    body: Buffer | undefined,
  ): void {
    const { client } = exchange;
    let req: PendingRequest;
    try {
      const outgoing = { method, path, headers: [...headers, "Authorization", `Bearer ${token}`], body: body?.length ?? ("none" as const) };
      req = this.#upstream.send(outgoing, `${cluster} ${hash}`, body);
    } catch {
      return stop(exchange, new Refusal("MalformedRequest", "the request cannot be written as HTTP/1.1"));
    }
    client.onClose(() => req.destroy());
    req.on("error", () => stop(exchange, new Refusal("HubUnavailable", "the hub does not answer; try again")));
    req.on("response", (res: IncomingMessage) => {
      // Refused meanwhile; the client is still reading why.
      if (exchange.over) return void req.destroy();
      const result = evaluateAnswer({ method, path }, { status: res.statusCode ?? 0, headers: res.rawHeaders });
      if (result.is === "refused") {
        stop(exchange, new Refusal("AnswerRefused", `the hub ${result.reason}`));
        req.destroy();
        return;
      }
      exchange.status = result.status;
      client.respond(result.status, result.headers);
      res.on("data", (piece: Buffer) => {
        exchange.bytesOut += piece.length;
      });
      res.on("error", () => client.abort("broken"));
      res.on("close", () => res.complete || client.abort("broken"));
      res.pipe(client.sink);
    });
  }
}

function stop(exchange: Exchange, refusal: Refusal): void {
  if (exchange.over) return;
  exchange.over = true;
  exchange.refused = refusal;
  if (!exchange.client.responded) exchange.status = refusal.status;
  refuse(exchange.client, refusal);
}
