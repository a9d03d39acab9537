// The way to the hub: through any of several proxies. One that does not answer is left for the next. What failed is not repeated here,
// because whoever asked (caches, queues) tries again anyway, and then at the next one.
import { type Connection, ConnectionError, TimeoutError } from "../../lib/kube/client.ts";
import { type ClientTransport, Transport, type TransportResponse } from "../../lib/kube/transport.ts";

export class HubTransport implements ClientTransport {
  readonly #transports: readonly Transport[];
  #at = 0;

  /** At least one connection; all lead to the same hub. */
  constructor(connections: readonly Connection[]) {
    if (connections.length === 0) throw new Error("no connection to the hub");
    this.#transports = connections.map((connection) => new Transport(connection));
  }

  send(...request: Parameters<ClientTransport["send"]>): ReturnType<ClientTransport["send"]> {
    return this.#through(
      (transport) => transport.send(...request),
      ({ status }) => status,
    );
  }

  stream(...request: Parameters<ClientTransport["stream"]>): ReturnType<ClientTransport["stream"]> {
    return this.#through(
      (transport) => transport.stream(...request),
      ({ head }) => head.status,
    );
  }

  /** All of them: what was silent may have begun before the last change. */
  renew(): void {
    for (const transport of this.#transports) transport.renew();
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.close()));
  }

  async #through<T>(ask: (transport: Transport) => Promise<T>, statusOf: (answer: T) => TransportResponse["status"]): Promise<T> {
    const at = this.#at;
    try {
      const answer = await ask(this.#transports[at] as Transport);
      if (statusOf(answer) >= 502) this.#leave(at);
      return answer;
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof TimeoutError) this.#leave(at);
      throw error;
    }
  }

  /** Unless somebody else has left it already. */
  #leave(at: number): void {
    if (this.#at === at) this.#at = (at + 1) % this.#transports.length;
  }
}
