// Connections through a real outbound proxy, which requires user and password and resolves host names itself.
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTCPServer } from "node:net";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { type OutboundProxy, startOutboundProxy } from "../../test/outbound-proxy.ts";
import { until } from "../../test/until.ts";
import { httpsRequest, openTLS } from "./connect.ts";

const NAME = "api.drover.test";
const authority = Authority.create("behind the proxy");
let proxy: OutboundProxy | undefined;
let server: Server;
let port: number;

beforeAll(async () => {
  proxy = await startOutboundProxy([NAME]);
  server = createServer(authority.certificate({ commonName: "s" }, ["server"], [NAME, "127.0.0.1"]), (req, res) =>
    res.end(`${req.method} ${req.headers.host}${req.url}`),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  port = (server.address() as AddressInfo).port;
}, 120_000);
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await proxy?.stop();
});
const before = { ...process.env };
afterEach(() => {
  for (const name of ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

const get = (url: string, proxyURL?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const req = httpsRequest(url, { ca: authority.cert, proxyURL }, { method: "GET" });
    req.on("error", reject);
    req.on("response", (res) => {
      let text = "";
      res.on("data", (piece: Buffer) => (text += piece.toString()));
      res.on("end", () => resolve(text));
    });
    req.end();
  });

/** Skipped where squid is missing and cannot be installed: sudo apt-get install squid */
const throughSquid = (name: string, body: (proxy: OutboundProxy) => Promise<void>): void =>
  test(name, async () => {
    if (proxy !== undefined) await body(proxy);
    else process.stderr.write(`not tested without squid (sudo apt-get install squid): ${name}\n`);
  });

throughSquid("HTTPS_PROXY with user and password is gone through, and the server's own certificate is what is verified", async (squid) => {
  const url = `https://${NAME}:${port}/a?b=c`;
  process.env.HTTPS_PROXY = squid.url;
  expect(await get(url)).toBe(`GET ${NAME}:${port}/a?b=c`);
  delete process.env.HTTPS_PROXY;
  process.env.https_proxy = squid.url;
  expect(await get(url)).toBe(`GET ${NAME}:${port}/a?b=c`);
  const tunnel = { target: `${NAME}:${port}`, user: squid.user, status: "200" };
  await until(async () => (await squid.tunnels()).length >= 2, "squid has written what it did");
  expect(await squid.tunnels()).toEqual([tunnel, tunnel]);
  const stranger = Authority.create("stranger").cert;
  await expect(openTLS(new URL(url), { ca: stranger })).rejects.toMatchObject({ code: expect.stringMatching(/UNABLE_TO/) });
  await until(async () => (await squid.tunnels()).length >= 3, "squid has written the last one, which the next test must not count");
});

throughSquid(
  "loopback addresses and what NO_PROXY names are dialled directly; a proxy that was named is always gone through",
  async (squid) => {
    const heard = (await squid.tunnels()).length;
    process.env.HTTPS_PROXY = squid.url;
    expect(await get(`https://127.0.0.1:${port}/`)).toBe(`GET 127.0.0.1:${port}/`);
    process.env.NO_PROXY = ".drover.test";
    await expect(get(`https://${NAME}:${port}/`)).rejects.toMatchObject({ code: "ENOTFOUND" });
    expect((await squid.tunnels()).length).toBe(heard);
    process.env.NO_PROXY = "*";
    expect(await get(`https://127.0.0.1:${port}/`, squid.url)).toBe(`GET 127.0.0.1:${port}/`);
  },
);

throughSquid("what a proxy refuses is an error that names the proxy and what to do, without user and password", async (squid) => {
  const wrong = squid.url.replace(encodeURIComponent(squid.password), "guess%3Aed");
  const failures = {
    [`the proxy ${squid.host} answered CONNECT ${NAME}:${port} with 407`]: get(`https://${NAME}:${port}/`, wrong),
    [`the proxy ${squid.host} answered CONNECT ${NAME}:1 with 503`]: get(`https://${NAME}:1/`, squid.url),
    "the proxy 127.0.0.1:1 cannot be used: connect ECONNREFUSED": get(`https://${NAME}:${port}/`, "http://me:secret@127.0.0.1:1"),
    "proxy-url is not the URL of an http or https proxy": get(`https://${NAME}:${port}/`, "socks5://me:secret@127.0.0.1:1"),
  };
  const errors = await Promise.all(Object.values(failures).map((failure) => failure.catch((reason: unknown) => reason)));
  for (const [i, message] of Object.keys(failures).entries()) {
    const shown = inspect(errors[i], { depth: 9 });
    expect(shown).toContain(message);
    expect(shown).not.toMatch(/secret|guess|wo%2Frd|robot/);
  }
});

test("when the caller aborts, the connection to a proxy that never answers is closed", async () => {
  const silent = createTCPServer();
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const stop = new AbortController();
  const proxyURL = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const pending = openTLS(new URL(`https://${NAME}/`), { ca: authority.cert, proxyURL }, stop.signal).catch((error: unknown) => error);
  const [socket] = (await once(silent, "connection")) as [import("node:net").Socket];
  const closed = once(socket.on("error", () => {}).resume(), "close");
  stop.abort(new Error("never mind"));
  expect(String(await pending)).toContain("never mind");
  await closed;
  silent.close();
});

test("a request to a server that never answers fails after the timeout", async () => {
  const silent = createServer(authority.certificate({ commonName: "s" }, ["server"], ["127.0.0.1"]), () => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  try {
    const url = `https://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const req = httpsRequest(url, { ca: authority.cert }, { method: "GET", timeout: 50 }).on("error", () => {});
    req.end();
    await once(req, "timeout");
    req.destroy();
  } finally {
    silent.closeAllConnections();
    silent.close();
  }
});

test("a certificate and a key that do not match fail before a connection is opened", async () => {
  let connections = 0;
  server.on("connection", () => connections++);
  const [one, other] = [1, 2].map(() => authority.certificate({ commonName: "c" }, ["client"], []));
  const route = { ca: authority.cert, cert: one?.cert, key: other?.key };
  await expect(openTLS(new URL(`https://127.0.0.1:${port}/`), route)).rejects.toThrow("key values mismatch");
  expect(await get(`https://127.0.0.1:${port}/`)).toContain("GET");
  expect(connections).toBe(1);
});
