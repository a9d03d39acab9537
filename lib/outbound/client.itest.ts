import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Authority } from "../../test/certificates.ts";
import { sendJSON, sendRequest } from "./client.ts";

const authority = Authority.create("client test");
const route = { ca: authority.cert };
let server: Server;
let url: string;

/** What each path answers. */
const answers: Readonly<Record<string, (req: IncomingMessage, res: ServerResponse) => void>> = {
  "/echo": async (req, res) => {
    const body = (await req.toArray()).join("");
    res.end(JSON.stringify({ method: req.method, type: req.headers["content-type"], length: req.headers["content-length"], body }));
  },
  "/moved": (_, res) => res.writeHead(302, { location: "/echo" }).end(),
  "/long": (_, res) => res.end("x".repeat(1001)),
  "/silent": () => {},
  "/protocol": ({ socket }) => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
  "/broken": (_, res) => {
    res.writeHead(200, { "content-length": "10" });
    res.write("short", () => res.destroy());
  },
};

beforeAll(async () => {
  const pair = authority.certificate({ commonName: "s" }, ["server"], ["127.0.0.1"]);
  server = createServer(pair, (req, res) => (answers[req.url ?? ""] ?? ((_, other) => other.end(req.url)))(req, res));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server?.closeAllConnections();
  server?.close();
});

test("a value goes out as JSON with its length in bytes, and what is JSON comes back as a value", async () => {
  const { status, body } = await sendJSON(`${url}/echo`, route, { method: "POST", body: { name: "é" } });
  const text = '{"name":"é"}';
  expect({ status, body }).toEqual({ status: 200, body: { method: "POST", type: "application/json", length: "13", body: text } });
  expect((await sendJSON(`${url}/long`, route, {})).body).toBeUndefined();
});

test("a path goes out byte for byte, and a redirect is not followed", async () => {
  expect((await sendRequest(url, route, { path: "/a/../b/%2e%2E//c?d" })).body).toBe("/a/../b/%2e%2E//c?d");
  expect(await sendRequest(`${url}/moved`, route)).toMatchObject({ status: 302, headers: { location: "/echo" } });
});

test("an answer that is too long, that breaks off, or that does not come in time, is an error", async () => {
  expect((await sendRequest(`${url}/long`, route, { maxBytes: 1001 })).body).toHaveLength(1001);
  await expect(sendRequest(`${url}/long`, route, { maxBytes: 1000 })).rejects.toThrow("longer than 1000 bytes");
  await expect(sendRequest(`${url}/broken`, route)).rejects.toThrow("aborted");
  await expect(sendRequest(`${url}/silent`, route, { timeoutMs: 200 })).rejects.toThrow("no answer within 0.2 s");
});

test("a change of protocol that nobody asked for is an error", async () => {
  await expect(sendRequest(`${url}/protocol`, route)).rejects.toThrow("without a response");
});

test("the caller's signal ends the request, and its connection", async () => {
  const stop = new AbortController();
  const asked = once(server, "request");
  const pending = expect(sendRequest(`${url}/silent`, route, { signal: stop.signal })).rejects.toThrow("aborted");
  const [{ socket }] = (await asked) as [IncomingMessage];
  const closed = once(socket, "close");
  stop.abort();
  await Promise.all([pending, closed]);
});

test("nothing is sent to a server whose certificate is another authority's", async () => {
  const stranger = Authority.create("stranger").cert;
  await expect(sendRequest(`${url}/echo`, { ca: stranger })).rejects.toMatchObject({ code: expect.stringMatching(/UNABLE_TO/) });
});
