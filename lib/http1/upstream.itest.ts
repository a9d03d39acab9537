// Requests built from parts, sent through a real outbound proxy.
import { once } from "node:events";
import type { ClientRequest, IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { expect, jest, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { startOutboundProxy } from "../../test/outbound-proxy.ts";
import { Upstream } from "./upstream.ts";

const NAME = "api.drover.test";

test("requests and upgrades go through the outbound proxy, and idle connections are reused", async () => {
  const squid = await startOutboundProxy([NAME]);
  if (squid === undefined) return void process.stderr.write("not tested without squid: sudo apt-get install squid\n");
  const authority = Authority.create("behind the proxy");
  const connections = new Set<Duplex>();
  const server = createServer(authority.certificate({ commonName: "s" }, ["server"], [NAME]), (req, res) => {
    connections.add(req.socket);
    res.end(`${req.method} ${req.url}`);
  });
  server.on("upgrade", (_, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://${NAME}:${(server.address() as AddressInfo).port}`;
  const limits = { socketsPerIdentity: 4, idlePerIdentity: 4 };
  const upstream = new Upstream({ server: url, ca: () => authority.cert, proxyURL: squid.url, ...limits });
  const stranger = new Upstream({ server: url, ca: Authority.create("stranger").cert, proxyURL: squid.url, ...limits });
  const get = (path: string) => ({ method: "GET", path, headers: [], body: "none" as const });
  const send = (by: Upstream, what: Parameters<Upstream["send"]>[0]): ClientRequest => by.send(what, "me") as ClientRequest;
  try {
    for (const path of ["/a", "/b"]) {
      const [res] = (await once(send(upstream, get(path)), "response")) as [IncomingMessage];
      expect((await res.toArray()).join("")).toBe(`GET ${path}`);
    }
    expect(connections.size).toBe(1);
    const [, socket] = (await once(send(upstream, { ...get("/c"), upgrade: "x" }), "upgrade")) as [IncomingMessage, Duplex];
    socket.destroy();
    await expect(once(send(stranger, get("/d")), "response")).rejects.toMatchObject({ code: expect.stringMatching(/UNABLE_TO/) });
  } finally {
    for (const each of [upstream, stranger]) each.close();
    server.closeAllConnections();
    server.close();
    await squid.stop();
  }
});

test("authorities are asked for each connection, not for each request; renewed ones are used, and resume no session of the former ones", async () => {
  const [first, second] = [Authority.create("first"), Authority.create("second")];
  const certificate = first.certificate({ commonName: "s" }, ["server"], ["localhost"]);
  const resumed: boolean[] = [];
  const server = createServer(certificate, (_, res) => res.end("ok"));
  server.on("secureConnection", (socket) => resumed.push(socket.isSessionReused()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  let trusted = first.cert;
  let asked = 0;
  const ca = (): string => {
    asked++;
    return trusted;
  };
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const upstream = new Upstream({ server: url, ca, serverName: "localhost", socketsPerIdentity: 1, idlePerIdentity: 1 });
  const get = async (path: string, identity: string): Promise<string> => {
    const req = upstream.send({ method: "GET", path, headers: [], body: "none" }, identity) as ClientRequest;
    const [res] = (await once(req, "response")) as [IncomingMessage];
    return (await res.toArray()).join("");
  };
  try {
    for (let i = 0; i < 10; i++) expect(await get("/", "alice")).toBe("ok");
    expect([asked, resumed]).toEqual([1, [false]]);
    await get("/", "bob");
    expect([asked, resumed]).toEqual([2, [false, true]]);
    trusted = second.cert;
    await expect(get("/", "carol")).rejects.toMatchObject({ code: expect.stringMatching(/UNABLE_TO/) });
    trusted = first.cert;
    expect(await get("/", "dave")).toBe("ok");
    expect(resumed.at(-1)).toBe(false);
    expect(asked).toBe(4);
  } finally {
    upstream.close();
    server.closeAllConnections();
    server.close();
  }
});

test("a request fails when the server behind the outbound proxy never speaks TLS", async () => {
  const { promise: hello, resolve: heardHello } = Promise.withResolvers<Socket>();
  const proxy = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.once("data", () => heardHello(socket));
    });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const proxyURL = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const upstream = new Upstream({ server: `https://${NAME}:6443`, proxyURL, socketsPerIdentity: 1, idlePerIdentity: 1 });
  jest.useFakeTimers({ doNotFake: ["nextTick", "queueMicrotask", "setImmediate", "clearImmediate", "performance", "Date"] });
  try {
    const failed = once(upstream.send({ method: "GET", path: "/", headers: [], body: "none" }, "me") as ClientRequest, "response");
    const outcome = expect(failed).rejects.toThrow("connecting took too long");
    await hello;
    jest.advanceTimersByTime(10_000);
    await outcome;
  } finally {
    jest.useRealTimers();
    upstream.close();
    (await hello).destroy();
    proxy.close();
  }
});
