// What Drover's clients find when they go out of a network: servers whose certificate is wrong, an outbound proxy, and behind it a server
// with a name that only the proxy resolves.
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type BadServers, startBadServers } from "./bad-certificates.ts";
import { Authority } from "./certificates.ts";
import { type OutboundProxy, startOutboundProxy } from "./outbound-proxy.ts";

export interface OutboundSite {
  readonly bad: BadServers;
  /** Undefined where squid is not installed. */
  readonly squid: OutboundProxy | undefined;
  /** Of the server behind the proxy, https. It answers everything with 404: what is looked at is that it is reached, over verified TLS. */
  readonly url: string;
  /** PEM of its authority. */
  readonly ca: string;
  stop(): Promise<void>;
}

export async function startOutboundSite(name: string): Promise<OutboundSite> {
  const bad = await startBadServers();
  const squid = await startOutboundProxy([name]);
  const authority = Authority.create("drover");
  const server = createServer(authority.certificate({ commonName: "s" }, ["server"], [name]), (_, res) => res.writeHead(404).end());
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    bad,
    squid,
    url: `https://${name}:${(server.address() as AddressInfo).port}`,
    ca: authority.cert,
    async stop() {
      bad.stop();
      server.closeAllConnections();
      server.close();
      await squid?.stop();
    },
  };
}

/** Where squid is missing and only root can install it, what needs it is left out; `make test-packages` says how to have it. */
export function withoutSquid(): void {
  process.stderr.write("not tested without squid: sudo apt-get install squid\n");
}
