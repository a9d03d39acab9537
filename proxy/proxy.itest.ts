// What the proxy forwards, as a process under its own Role, in front of a real API server that is hub and cluster at once.

import { request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { User } from "../crds/v1alpha1/user.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { Lease } from "../lib/kube/core.ts";
import type { KubeObject } from "../lib/kube/object.ts";
import { agentTokenOf } from "../test/agent.ts";
import { kubectlWith } from "../test/kubectl.ts";
import { dialTunnel } from "../test/proxy/acceptor.ts";
import { nameOf, ProxyUnderTest, statusOf } from "../test/proxy/process.ts";
import { until } from "../test/until.ts";

jest.setTimeout(60_000);

let under: ProxyUnderTest;

beforeAll(async () => {
  under = await ProxyUnderTest.start();
}, 900_000);

afterAll(async () => {
  await under?.stop();
}, 60_000);

describe("a request", () => {
  test("of a member goes to the cluster as that user, and its answer comes back", async () => {
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, "/clusters/east/api/v1/namespaces", token);
    const answer = await under.ask("/clusters/east/api/v1/namespaces?limit=1", token, { accept: "application/json" });
    expect(JSON.parse(answer.body)).toMatchObject({ kind: "NamespaceList", items: [{}] });
    const refused = await under.ask("/clusters/east/api/v1/secrets", token);
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body).message).toContain('User "drover:user:alice" cannot list resource "secrets"');
    const user = await under.hub.admin.get(User, { name: "alice" });
    expect(under.east.seen.at(-1)).toMatchObject({
      path: "/api/v1/secrets",
      user: "drover:user:alice",
      uid: user.metadata.uid,
      groups: ["drover:authenticated"],
      extra: { "drover.dev/provider": ["local"], "drover.dev/token": [nameOf(token)] },
    });
    expect(JSON.stringify(under.east.seen)).not.toContain(token);
  });
});

describe("what goes through", () => {
  test("the body of a request, and a failure of the API server's own, unchanged", async () => {
    const token = await under.tokenFor("alice");
    const map = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-alice" }, data: { x: "y".repeat(300_000) } });
    const json = { "content-type": "application/json" };
    const made = await under.ask("/clusters/east/api/v1/namespaces/default/configmaps", token, json, "POST", map);
    expect(made.status).toBe(201);
    const again = await under.ask("/clusters/east/api/v1/namespaces/default/configmaps", token, json, "POST", map);
    expect([again.status, JSON.parse(again.body).reason]).toEqual([409, "AlreadyExists"]);
    expect((await under.ask("/clusters/east/api/v1/namespaces/default/configmaps/from-alice", token)).body.length).toBeGreaterThan(300_000);
  });

  test("HTTP/2, many requests at once, with bodies", async () => {
    const token = await under.tokenFor("alice");
    const session = await under.http2();
    const get = (headers: Record<string, string>, body?: string) =>
      new Promise<{ status: number; body: string }>((resolve, reject) => {
        const stream = session.request({ authorization: `Bearer ${token}`, ...headers }, { endStream: body === undefined });
        let status = 0;
        let text = "";
        stream.on("response", (answer) => {
          status = Number(answer[":status"]);
        });
        stream.on("data", (piece: Buffer) => {
          text += piece.toString();
        });
        stream.on("error", reject);
        stream.on("end", () => resolve({ status, body: text }));
        if (body !== undefined) stream.end(body);
      });
    const answers = await Promise.all(Array.from({ length: 30 }, () => get({ ":path": "/clusters/east/api/v1/namespaces/default" })));
    for (const { status, body } of answers) expect([status, JSON.parse(body).kind]).toEqual([200, "Namespace"]);
    const map = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "h2-" } });
    const path = "/clusters/east/api/v1/namespaces/default/configmaps";
    expect((await get({ ":path": path, ":method": "POST", "content-type": "application/json" }, map)).status).toBe(201);
    expect((await get({ ":path": path, "impersonate-user": "root" })).status).toBe(400);
    expect((await get({ ":path": "/clusters/east/%2e%2e/west" })).status).toBe(400);
    const head = await get({ ":path": "/clusters/east/test/headers", ":method": "HEAD" });
    expect(head).toEqual({ status: 200, body: "" });
    session.close();
  });

  test("a watch, line by line as it happens", async () => {
    const token = await under.tokenFor("alice");
    const lines: string[] = [];
    const req = request({
      ...{ host: "127.0.0.1", port: under.port, ca: under.hub.plane.ca, headers: { authorization: `Bearer ${token}` } },
      path: "/clusters/east/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=0",
    });
    req.on("error", () => {});
    req.on("response", (res) =>
      res.on("error", () => {}).on("data", (piece: Buffer) => lines.push(...piece.toString().trim().split("\n"))),
    );
    req.end();
    await until(() => lines.length > 0, "what is there");
    await under.hub.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "seen-at-once", namespace: "default" } });
    await until(() => lines.some((line) => line.includes("seen-at-once")), "the new one");
    req.destroy();
    await until(() => under.east.session.streamCount === 0, "the stream ends with its client");
  });

  test.each([
    ["HTTP/2", {}],
    ["HTTP/1.1", { DISABLE_HTTP2: "1" }],
  ])("a quiet watch of kubectl's over %s: begins, and does not begin again until its time is over", async (_, env) => {
    const contexts = [{ name: "east", server: `https://127.0.0.1:${under.port}/clusters/east` }];
    const kubectl = await kubectlWith(contexts, under.hub.plane.ca, await under.tokenFor("alice"), env as Record<string, string>);
    const before = under.east.seen.length;
    const { stdout, stderr } = await kubectl.run(["get", "configmaps", "--namespace=kube-node-lease", "--watch", "--request-timeout=5s"]);
    await kubectl.remove();
    // What a watch says that hears nothing until its time is over; one without its head waits, and asks again.
    expect(`${stdout}${stderr}`).not.toMatch(/Unable to connect|error/i);
    expect(under.east.seen.slice(before).filter(({ path }) => path.includes("watch=true"))).toHaveLength(1);
  });

  test("a redirect of the API server's own leads to where the client finds it", async () => {
    const token = await under.tokenFor("alice");
    const stale = await under.ask("/clusters/east/openapi/v3/version?hash=OLD", token);
    expect(stale.status).toBe(301);
    expect(stale.headers.location).toMatch(/^\/clusters\/east\/openapi\/v3\/version\?hash=[0-9A-F]+$/);
    const fresh = await under.ask(String(stale.headers.location), token);
    expect([fresh.status, JSON.parse(fresh.body).openapi]).toEqual([200, "3.0.0"]);
  });

  test("an answer of a pod's loses its cookie and its policy, and is sandboxed", async () => {
    const answer = await under.ask("/clusters/east/test/headers", await under.tokenFor("alice"));
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ "content-security-policy": "sandbox", "x-content-type-options": "nosniff" });
    expect(answer.headers).not.toHaveProperty("set-cookie");
  });
});

describe("a change of protocol", () => {
  const upgrade = (path: string, token: string, behind = "") =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${behind}`;

  test("carries bytes both ways, those right behind the request first", async () => {
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, "/clusters/east/version", token);
    let text = "";
    const socket = connect({ host: "127.0.0.1", port: under.port, ca: under.hub.plane.ca, ALPNProtocols: ["http/1.1"] });
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(upgrade("/clusters/east/test/echo", token, "first "));
    await until(() => text.endsWith("first "), "the bytes behind the request");
    socket.write("second");
    await until(() => text.endsWith("first second"), "the bytes after it");
    expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    socket.end();
    await until(() => socket.destroyed, "the end");
  });

  test("that fails leaves no connection on which anything else is forwarded", async () => {
    const token = await under.tokenFor("alice");
    const second = `GET /clusters/east/api/v1/second HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const answer = await under.raw(upgrade("/clusters/east/api/v1/namespaces/default/pods/none/exec?command=ls", token, second));
    expect(statusOf(answer)).toBe(403);
    expect(answer).toMatch(/connection: close/i);
    expect(answer.match(/HTTP\/1\.1/g)?.length).toBe(1);
    for (const target of ["/clusters/west/api", "/clusters/east/../x", "/agents/east/hub/apis"]) {
      expect((await under.raw(upgrade(target, token, second))).match(/HTTP\/1\.1/g)?.length).toBe(1);
    }
    const h2c = upgrade("/clusters/east/api", token, second).replace("websocket", "h2c");
    expect(statusOf(await under.raw(h2c))).toBe(400);
    expect(under.east.seen.some(({ path }) => path.includes("second"))).toBe(false);
  });

  test("without a token is refused, and the token is nowhere in the log", async () => {
    expect(statusOf(await under.raw(upgrade("/clusters/east/test/echo", "x")))).toBe(401);
    const token = await under.tokenFor("alice");
    const ws = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}, v4.channel.k8s.io\r\n`;
    await under.raw(upgrade("/clusters/east/test/headers?secret=sentinel", token).replace("Connection:", `${ws}Connection:`));
    expect(under.east.seen.at(-1)?.headers).toContain("v4.channel.k8s.io");
    await until(async () => (await under.process.output()).includes("/test/headers"), "the record");
    const log = await under.process.output();
    for (const secret of [token, Buffer.from(token).toString("base64url"), "sentinel", "Bearer"]) expect(log).not.toContain(secret);
  });
});

describe("an agent", () => {
  const leasePath = "/agents/east/hub/apis/coordination.k8s.io/v1/namespaces/cluster-east/leases/agent";
  let token: string;

  beforeAll(async () => {
    token = await agentTokenOf(under.hub, "east");
  });

  test("renews its lease and watches its sets through the public endpoint, as itself", async () => {
    const body = JSON.stringify({ spec: { holderIdentity: "agent" } });
    const patched = await under.ask(leasePath, token, { "content-type": "application/merge-patch+json" }, "PATCH", body);
    expect([patched.status, JSON.parse(patched.body).spec?.holderIdentity]).toEqual([200, "agent"]);
    const client = new KubeClient({
      server: `https://127.0.0.1:${under.port}/agents/east/hub`,
      ca: under.hub.plane.ca,
      token: async () => token,
    });
    const abort = new AbortController();
    const path = "/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets?limit=500";
    expect(await client.request("GET", path, { signal: abort.signal })).toMatchObject({ kind: "AccessSetList" });
    await client.close();
  });

  test("has the head of a quiet watch at once", async () => {
    const path = "/agents/east/hub/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets?watch=true";
    const options = {
      host: "127.0.0.1",
      port: under.port,
      ca: under.hub.plane.ca,
      path,
      agent: false,
      headers: { authorization: `Bearer ${token}` },
    };
    const status = () =>
      new Promise((resolve, reject) => {
        const req = request(options, (res) => {
          res.on("error", () => {});
          resolve(res.statusCode);
          req.destroy();
        });
        req.on("error", reject);
        req.end();
      });
    // 429 for a moment after a kind was made: its storage is being set up.
    await until(async () => (await status()) === 200, "the watch begins");
  });

  test("with another account's token, for another cluster, another kind, another verb or an upgrade is refused", async () => {
    const tokenOf = async (namespace: string, name: string) =>
      (await under.hub.admin.requestToken({ namespace, name }, { expirationSeconds: 3600 })).token;
    const sets = "/agents/east/hub/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets";
    const [west, proxys] = [await agentTokenOf(under.hub, "west"), await tokenOf("drover-system", "proxy")];
    expect((await under.ask(sets, west)).status).toBe(401);
    expect((await under.ask(sets, proxys)).status).toBe(401);
    expect((await under.ask(sets, await under.tokenFor("alice"))).status).toBe(401);
    expect((await under.ask(sets, undefined)).status).toBe(401);
    expect((await under.ask(sets.replace("namespaces/cluster-east", "namespaces/cluster-west"), token)).status).toBe(403);
    expect((await under.ask("/agents/west/hub/apis/drover.dev/v1alpha1/clusterroletemplates", token)).status).toBe(401);
    expect((await under.ask("/agents/east/hub/api/v1/namespaces/cluster-east/secrets", token)).status).toBe(403);
    expect((await under.ask("/agents/east/hub/apis/drover.dev/v1alpha1/tokens", token)).status).toBe(403);
    expect((await under.ask(leasePath, token, {}, "DELETE")).status).toBe(403);
    const forged = `${token.split(".").slice(0, 2).join(".")}.${Buffer.from("forged").toString("base64url")}`;
    expect((await under.ask(sets, forged)).status).toBe(401);
    const upgraded = `GET ${sets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    expect(statusOf(await under.raw(upgraded))).toBe(400);
  });

  test("opens a tunnel only for its own cluster, with a token that the hub takes", async () => {
    const { cert, key } = under.hub.plane.clientCertificate("none", []);
    const dial = (cluster: string, token: string) =>
      dialTunnel({
        proxy: { port: under.port, ca: under.hub.plane.ca },
        cluster,
        token,
        managed: { server: under.hub.plane.server, ca: under.hub.plane.ca, cert, key },
      });
    await expect(dial("west", token)).rejects.toThrow("401");
    await expect(dial("east", `${token.split(".").slice(0, 2).join(".")}.Zm9yZ2Vk`)).rejects.toThrow("401");
    await expect(dial("east", await under.tokenFor("alice"))).rejects.toThrow("401");
    expect(statusOf(await under.raw(`GET /agents/east/tunnel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`))).toBe(400);
  });

  test("that lost its connection without noticing is served by its newest tunnel", async () => {
    const people = await under.tokenFor("alice");
    const newer = await under.dialEast();
    expect(newer.replica).toBe("proxy-0");
    under.east.session.destroy();
    await under.untilStatus(200, "/clusters/east/version", people);
    expect(newer.seen.at(-1)?.path).toBe("/version");
    under.east = newer;
  });
});

describe("the process", () => {
  test("renews a Lease, and sends agents the names of all replicas that do", async () => {
    const lease = (name: string): KubeObject => ({
      apiVersion: Lease.apiVersion,
      kind: Lease.kind,
      metadata: { name, namespace: "drover-proxies", labels: { "app.kubernetes.io/name": "proxy", "app.kubernetes.io/part-of": "drover" } },
    });
    const first = await under.hub.admin.get(Lease, { namespace: "drover-proxies", name: "proxy-0" });
    expect(first.spec).toMatchObject({ holderIdentity: "proxy-0", leaseDurationSeconds: 30 });
    await until(() => under.east.replicas().join() === "proxy-0", "the agent knows of the one");
    await under.hub.admin.create(Lease, { ...lease("proxy-1"), spec: {} });
    await until(() => under.east.replicas().join() === "proxy-0,proxy-1", "the agent knows of the second");
    const another = await under.dialEast();
    await until(() => another.replicas().join() === "proxy-0,proxy-1", "a new tunnel says it at once");
    another.session.destroy();
    await under.hub.admin.delete(Lease, { namespace: "drover-proxies", name: "proxy-1" });
    await until(() => under.east.replicas().join() === "proxy-0", "the second is gone");
    await until(async () => {
      const now = await under.hub.admin.get(Lease, { namespace: "drover-proxies", name: "proxy-0" });
      return now.spec?.renewTime !== first.spec?.renewTime;
    }, "its Lease is renewed");
  });

  test("has metrics, without a name in them that an unauthenticated client could choose", async () => {
    const health = /"url":"(http:[^"]+)"/.exec(await under.process.output())?.[1] ?? "";
    const metrics = await (await fetch(`${health}/metrics`)).text();
    expect(metrics).toMatch(/drover_proxy_requests_total\{action="request",status="200",refusal=""\} \d+/);
    expect(metrics).toMatch(/drover_proxy_tunnels 1/);
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
  });

  test("goes on with valid tokens while the hub is away", async () => {
    const token = await under.tokenFor("alice");
    await under.untilStatus(200, "/clusters/east/test/headers", token);
    await under.hub.plane.kill("apiserver");
    expect((await under.ask("/clusters/east/test/headers", token)).status).toBe(200);
    await under.hub.plane.start("apiserver");
  });
});
