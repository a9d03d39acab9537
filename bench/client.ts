// An HTTPS client with connections that stay open, measuring each request from its start to the end of the answer.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";

export interface Target {
  /** The whole URL of what is asked for. */
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

export class Client {
  readonly #agent: Agent;

  constructor(target: Target, connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, ca: readFileSync(target.ca) });
  }

  /** @returns the status and how long it took in ms */
  get(target: Target): Promise<{ status: number; ms: number; bytes: number }> {
    return this.send("GET", target);
  }

  send(method: string, target: Target, body?: unknown): Promise<{ status: number; ms: number; bytes: number }> {
    const started = performance.now();
    const headers = { authorization: `Bearer ${target.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    return new Promise((resolve, reject) => {
      const outgoing = request(target.url, { method, headers, agent: this.#agent }, (response) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.on("error", reject);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, ms: performance.now() - started, bytes }));
      });
      outgoing.on("error", reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
