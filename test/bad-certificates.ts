// Servers whose certificate must be refused, each for another reason, and the message for that reason.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:tls";
import { Authority, type KeyPair, selfSigned } from "./certificates.ts";

export interface BadServer {
  readonly what: string;
  /** https URL at 127.0.0.1. */
  readonly url: string;
  readonly said: RegExp;
}

export interface BadServers {
  /** What the clients trust: all that is wrong with the certificates is wrong in spite of it. */
  readonly ca: string;
  readonly servers: readonly BadServer[];
  /** How many requests got through. */
  heard(): number;
  stop(): void;
}

const DAY_MS = 86_400_000;

export async function startBadServers(): Promise<BadServers> {
  const authority = Authority.create("the right authority");
  const sameName = Authority.create("the right authority");
  const other = Authority.create("another authority");
  const now = Date.now();
  const leaf = (by: Authority, names: readonly string[], [from, until] = [-1, 1]): KeyPair =>
    by.certificate({ commonName: "server" }, ["server"], names, {
      from: new Date(now + from * DAY_MS),
      until: new Date(now + until * DAY_MS),
    });
  const here = ["127.0.0.1", "localhost"];
  const chain = (pair: KeyPair, ...more: string[]): KeyPair => ({ ...pair, cert: [pair.cert, ...more].join("") });
  const untrusted = /not signed by an authority that is trusted here/;
  const kinds: readonly [what: string, shown: KeyPair, said: RegExp][] = [
    ["of another authority", leaf(other, here), untrusted],
    ["of another authority, shown with its root", chain(leaf(other, here), other.cert), untrusted],
    ["of another authority that has the same name", leaf(sameName, here), untrusted],
    ["that has expired", leaf(authority, here, [-3, -1]), /has expired/],
    ["that is not valid yet", leaf(authority, here, [1, 3]), /not valid yet; check the clocks/],
    ["for another name", leaf(authority, ["other.example", "127.0.0.2"]), /for another host name/],
    ["without any name", leaf(authority, []), /for another host name/],
    ["for clients only", authority.certificate({ commonName: "client" }, ["client"], here), /not one for servers/],
    ["that is self-signed", selfSigned("server", here), /is self-signed/],
  ];
  let heard = 0;
  const running: Server[] = [];
  const servers: BadServer[] = [];
  for (const [what, shown, said] of kinds) {
    const server = createServer(shown, (socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        heard += 1;
        socket.destroy();
      });
    });
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    running.push(server);
    servers.push({ what, said, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
  }
  return {
    ca: authority.cert,
    servers,
    heard: () => heard,
    stop: () => {
      for (const server of running) server.close();
    },
  };
}
