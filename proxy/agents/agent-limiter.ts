// Limits on what one agent may do on the hub: requests, bytes, and writes of each object. A managed cluster may be compromised, and the hub is
// shared by all. They count per cluster, since an agent may come from any number of addresses.
import { RateLimiter } from "../../lib/server/rate.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { AdmittedRequest } from "../admit.ts";
import { MinuteBudget } from "./minute-budget.ts";

export interface AgentLimits {
  readonly agentRequestsPerSecond: number;
  readonly agentBurst: number;
  readonly agentWrittenBytesPerMinute: number;
  readonly agentReadBytesPerMinute: number;
}

/** An object may be written once a second, after a few writes at once: faster changes can wait and be written together. */
const WRITES_AT_ONCE = 5;
const WRITES_PER_SECOND = 1;

export class AgentLimiter {
  readonly #requests: RateLimiter;
  readonly #writes = new RateLimiter(WRITES_AT_ONCE, WRITES_PER_SECOND);
  readonly #written: MinuteBudget;
  readonly #read: MinuteBudget;

  constructor({ agentBurst, agentRequestsPerSecond, agentWrittenBytesPerMinute, agentReadBytesPerMinute }: AgentLimits) {
    this.#requests = new RateLimiter(agentBurst, agentRequestsPerSecond);
    this.#written = new MinuteBudget(agentWrittenBytesPerMinute);
    this.#read = new MinuteBudget(agentReadBytesPerMinute);
  }

  /** To be called once the agent's token is verified. `now`: milliseconds of any one clock. */
  admit({ cluster, method, path }: Pick<AdmittedRequest, "cluster" | "method" | "path">, now: number): Refusal | undefined {
    if (this.#requests.admit(cluster, now) > 0) return tooMany("too many requests of this agent");
    if (method === "GET")
      return this.#read.isSpent(cluster, now) ? tooMany("this agent has read as much as it may in a minute") : undefined;
    if (this.#written.isSpent(cluster, now)) return tooMany("this agent has written as much as it may in a minute");
    const [object = ""] = path.split("?");
    return this.#writes.admit(`${cluster} ${object}`, now) > 0 ? tooMany("this agent has written this object a moment ago") : undefined;
  }

  written(cluster: string, now: number, bytes: number): void {
    if (bytes > 0) this.#written.spend(cluster, now, bytes);
  }

  read(cluster: string, now: number, bytes: number): void {
    if (bytes > 0) this.#read.spend(cluster, now, bytes);
  }
}

const tooMany = (what: string): Refusal => new Refusal("TooManyRequests", `${what}; try again`);
