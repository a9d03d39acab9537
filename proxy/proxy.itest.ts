// The proxy as a process, under its own Role, in front of a real API server that is hub and cluster at once.
import { createHash, randomBytes } from "node:crypto";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { Agent, request } from "node:https";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../lib/kube/connection.ts";
import { Lease } from "../lib/kube/core.ts";
import type { KubeObject } from "../lib/kube/object.ts";
import { agentTokenOf, registerAgent } from "../test/agent.ts";
import { startHub, type TestHub, type TestProcess } from "../test/hub.ts";
import { kubectlWith } from "../test/kubectl.ts";
import { type Acceptor, dialTunnel } from "../test/proxy/acceptor.ts";
import { until } from "../test/until.ts";

jest.setTimeout(60_000);

let hub: TestHub;
let proxy: TestProcess;
let port: number;
let auth: KubeClient;
let east: Acceptor;
const agent = new Agent({ keepAlive: true });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

const drover = (kind: string, name: string, spec: object, namespace?: string): KubeObject =>
  ({ apiVersion: "drover.dev/v1alpha1", kind, metadata: { name, ...(namespace && { namespace }) }, spec }) as never;

/** A token for the user, made as auth makes it. */
async function tokenFor(user: string, { clusters, seconds = 3600 }: { clusters?: string[]; seconds?: number } = {}): Promise<string> {
  const token = `drv_${randomBytes(32).toString("base64url")}`;
  const hash = createHash("sha256").update(token).digest("hex");
  const expiresAt = new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  const { status, metadata } = await hub.admin.get(User, { name: user });
  const provider = await hub.admin.get(AuthProvider, { name: "local" });
  const spec = {
    ...{ hash, user, userUID: metadata.uid, provider: "local", providerUID: provider.metadata.uid },
    ...{ kind: "Login", expiresAt, ...(clusters && { clusters }) },
    ...(status?.credential && { credential: status.credential }),
  };
  await auth.create(Token, drover("Token", nameOf(token), spec) as never);
  await until(async () => (await ask("/clusters/none/version", token)).status === 403, "the proxy knows the token");
  return token;
}
const nameOf = (token: string): string => `t-${createHash("sha256").update(token).digest("hex").slice(0, 32)}`;

function ask(
  path: string,
  token: string | undefined,
  headers: Record<string, string | string[]> = {},
  method = "GET",
  body?: string,
): Promise<Answer> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const req = request(
      { host: "127.0.0.1", port, ca: hub.plane.ca, path, method, agent, headers: { ...authorization, ...headers } },
      (res) => {
        let text = "";
        res.on("data", (piece: Buffer) => {
          text += piece.toString();
        });
        res.on("error", reject);
        res.on("end", () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }));
      },
    );
    req.on("error", reject);
    req.end(body);
  });
}

const untilStatus = (status: number, path: string, token: string): Promise<void> =>
  until(async () => {
    const answer = await ask(path, token);
    if (answer.status !== status) throw new Error(`${answer.status} ${answer.body}`);
    return true;
  }, `${path} answers ${status}`);

/** Writes bytes, reads until the other side ends. */
function raw(bytes: string | Buffer, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca: hub.plane.ca, ALPNProtocols: ["http/1.1"] }, () => socket.write(bytes));
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (end && /^HTTP\/1.1 \d+/.test(text) && text.includes("\r\n\r\n") && !/connection: close/i.test(text)) socket.end();
    });
    // A server that refuses in the middle of a long head closes on what is still being sent.
    socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
    socket.on("close", () => resolve(text));
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1]);

async function http2(): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: hub.plane.ca });
  await new Promise((resolve) => session.once("connect", resolve));
  return session;
}

beforeAll(async () => {
  hub = await startHub();
  for (const cluster of ["east", "west"]) await registerAgent(hub, cluster);
  await hub.apply(
    drover(AuthProvider.kind, "local", { local: {} }),
    ...["alice", "bob", "carol", "dave"].map((name) => drover(User.kind, name, {})),
    drover(
      ClusterMembers.kind,
      "members",
      { users: ["alice", "dave"], groups: ["drover:group:corp:devs"], everyone: false },
      "cluster-east",
    ),
    drover(ClusterMembers.kind, "members", { users: [], groups: [], everyone: false }, "cluster-west"),
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "test-reader" },
      rules: [{ apiGroups: [""], resources: ["configmaps", "namespaces"], verbs: ["get", "list", "watch", "create"] }],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "test-reader" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "test-reader" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "drover:user:alice" }],
    },
  );
  auth = new KubeClient(await connectionFromKubeconfig(await hub.kubeconfigOf("auth")));
  proxy = await hub.start("proxy", { replicaId: "proxy-0", tls: await hub.servingFiles() });
  port = Number(new URL(proxy.url).port);
  east = await dialEast();
}, 900_000);

afterAll(async () => {
  agent.destroy();
  east?.session.destroy();
  await auth?.close();
  await hub?.stop();
}, 60_000);

async function dialEast(): Promise<Acceptor> {
  const token = await agentTokenOf(hub, "east");
  const { cert, key } = hub.plane.clientCertificate("test-agent", ["system:masters"]);
  return dialTunnel({
    proxy: { port, ca: hub.plane.ca },
    cluster: "east",
    token,
    managed: { server: hub.plane.server, ca: hub.plane.ca, cert, key },
  });
}

describe("a request", () => {
  test("of a member goes to the cluster as that user, and its answer comes back", async () => {
    const token = await tokenFor("alice");
    await untilStatus(200, "/clusters/east/api/v1/namespaces", token);
    const answer = await ask("/clusters/east/api/v1/namespaces?limit=1", token, { accept: "application/json" });
    expect(JSON.parse(answer.body)).toMatchObject({ kind: "NamespaceList", items: [{}] });
    const refused = await ask("/clusters/east/api/v1/secrets", token);
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body).message).toContain('User "drover:user:alice" cannot list resource "secrets"');
    const user = await hub.admin.get(User, { name: "alice" });
    expect(east.seen.at(-1)).toMatchObject({
      path: "/api/v1/secrets",
      user: "drover:user:alice",
      uid: user.metadata.uid,
      groups: ["drover:authenticated"],
      extra: { "drover.dev/provider": ["local"], "drover.dev/token": [nameOf(token)] },
    });
    expect(JSON.stringify(east.seen)).not.toContain(token);
  });
});

describe("what goes through", () => {
  test("the body of a request, and a failure of the API server's own, unchanged", async () => {
    const token = await tokenFor("alice");
    const map = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "from-alice" }, data: { x: "y".repeat(300_000) } });
    const json = { "content-type": "application/json" };
    const made = await ask("/clusters/east/api/v1/namespaces/default/configmaps", token, json, "POST", map);
    expect(made.status).toBe(201);
    const again = await ask("/clusters/east/api/v1/namespaces/default/configmaps", token, json, "POST", map);
    expect([again.status, JSON.parse(again.body).reason]).toEqual([409, "AlreadyExists"]);
    expect((await ask("/clusters/east/api/v1/namespaces/default/configmaps/from-alice", token)).body.length).toBeGreaterThan(300_000);
  });

  test("HTTP/2, many requests at once, with bodies", async () => {
    const token = await tokenFor("alice");
    const session = await http2();
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
    const token = await tokenFor("alice");
    const lines: string[] = [];
    const req = request({
      ...{ host: "127.0.0.1", port, ca: hub.plane.ca, headers: { authorization: `Bearer ${token}` } },
      path: "/clusters/east/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=0",
    });
    req.on("error", () => {});
    req.on("response", (res) =>
      res.on("error", () => {}).on("data", (piece: Buffer) => lines.push(...piece.toString().trim().split("\n"))),
    );
    req.end();
    await until(() => lines.length > 0, "what is there");
    await hub.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "seen-at-once", namespace: "default" } });
    await until(() => lines.some((line) => line.includes("seen-at-once")), "the new one");
    req.destroy();
    await until(() => east.session.streamCount === 0, "the stream ends with its client");
  });

  test.each([
    ["HTTP/2", {}],
    ["HTTP/1.1", { DISABLE_HTTP2: "1" }],
  ])("a quiet watch of kubectl's over %s: begins, and does not begin again until its time is over", async (_, env) => {
    const contexts = [{ name: "east", server: `https://127.0.0.1:${port}/clusters/east` }];
    const kubectl = await kubectlWith(contexts, hub.plane.ca, await tokenFor("alice"), env as Record<string, string>);
    const before = east.seen.length;
    const { stdout, stderr } = await kubectl.run(["get", "configmaps", "--namespace=kube-node-lease", "--watch", "--request-timeout=5s"]);
    await kubectl.remove();
    // What a watch says that hears nothing until its time is over; one without its head waits, and asks again.
    expect(`${stdout}${stderr}`).not.toMatch(/Unable to connect|error/i);
    expect(east.seen.slice(before).filter(({ path }) => path.includes("watch=true"))).toHaveLength(1);
  });

  test("a redirect of the API server's own leads to where the client finds it", async () => {
    const token = await tokenFor("alice");
    const stale = await ask("/clusters/east/openapi/v3/version?hash=OLD", token);
    expect(stale.status).toBe(301);
    expect(stale.headers.location).toMatch(/^\/clusters\/east\/openapi\/v3\/version\?hash=[0-9A-F]+$/);
    const fresh = await ask(String(stale.headers.location), token);
    expect([fresh.status, JSON.parse(fresh.body).openapi]).toEqual([200, "3.0.0"]);
  });

  test("an answer of a pod's loses its cookie and its policy, and is sandboxed", async () => {
    const answer = await ask("/clusters/east/test/headers", await tokenFor("alice"));
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ "content-security-policy": "sandbox", "x-content-type-options": "nosniff" });
    expect(answer.headers).not.toHaveProperty("set-cookie");
  });
});

describe("who is refused", () => {
  const path = "/clusters/east/api/v1/namespaces";

  test("every Impersonate header, in any case and spelling, alone or doubled, from a member of the cluster too", async () => {
    const token = await tokenFor("alice");
    const before = east.seen.length;
    for (const name of [
      "Impersonate-User",
      "impersonate-group",
      "IMPERSONATE-UID",
      "Impersonate-Extra-Scopes",
      "Impersonate-New",
      "Impersonate%2DUser",
    ]) {
      for (const value of ["root", ["root", "system:masters"]]) {
        const answer = await ask(path, token, { [name]: value });
        expect([name, answer.status, JSON.parse(answer.body).details.causes[0].reason]).toEqual([name, 400, "ImpersonationRefused"]);
      }
    }
    expect(east.seen.length).toBe(before);
  });

  test("Connection cannot take away a header, and nothing goes under the proxy's identity", async () => {
    const token = await tokenFor("alice");
    for (const value of [
      "Impersonate-User, Impersonate-Group, Authorization",
      "close, Authorization",
      "Keep-Alive, X-Remote-User",
      "TE, Host",
    ]) {
      const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: ${value}\r\n\r\n`);
      expect([value, statusOf(answer)]).toEqual([value, 400]);
    }
    await ask(path, token, { "keep-alive": "Authorization", te: "trailers, Authorization" });
    for (const { user, headers } of east.seen) {
      expect(user).toBe("drover:user:alice");
      expect(headers.join("\n").toLowerCase()).not.toMatch(/authorization|impersonate/);
    }
  });

  test("X-Remote headers are refused; X-Forwarded and Forwarded are dropped", async () => {
    const token = await tokenFor("alice");
    for (const name of ["X-Remote-User", "x-remote-group", "X-Remote-Extra-Scopes", "X-Remote-Uid"]) {
      expect((await ask(path, token, { [name]: "root" })).status).toBe(400);
    }
    expect((await ask(path, token, { "x-forwarded-for": "1.2.3.4", forwarded: "for=1.2.3.4", "x-forwarded-user": "root" })).status).toBe(
      200,
    );
    expect(east.seen.at(-1)?.headers.join("\n").toLowerCase()).not.toMatch(/forwarded/);
    await until(async () => (await proxy.output()).includes('"source":"127.0.0.1"'), "the audit record");
    expect(await proxy.output()).not.toContain("1.2.3.4");
  });

  test("no token, half a token, two tokens or another kind", async () => {
    const token = await tokenFor("alice");
    for (const value of [
      "",
      "Bearer",
      "Bearer ",
      "Basic YTpi",
      token,
      `Bearer ${token}A`,
      `Bearer ${token} `.concat("x"),
      `Bearer ${"A".repeat(60_000)}`,
    ]) {
      const answer = await ask(path, undefined, { authorization: value });
      expect([value.length, answer.status]).toEqual([value.length, 401]);
      expect(JSON.parse(answer.body)).toMatchObject({ kind: "Status", reason: "Unauthorized", message: "Unauthorized" });
    }
    const twice = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    expect(statusOf(twice)).toBe(401);
    // A megabyte is more than a head may have; it is refused before it is read to its end.
    expect(statusOf(await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${"A".repeat(1_000_000)}\r\n\r\n`))).toBe(431);
  });

  test("paths with two readings; others go on byte for byte", async () => {
    const token = await tokenFor("alice");
    const send = (target: string) =>
      raw(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`, "latin1"));
    const before = east.seen.length;
    for (const target of [
      ...[
        "/clusters/east/../west/api",
        "/clusters/east/%2e%2e/west",
        "/clusters//east/api",
        "//clusters/east/api",
        "/clusters/east%2f..%2fwest/api",
      ],
      ...[
        "http://x/clusters/east/api",
        "*",
        "/clusters/east/%00",
        "/clusters/east/%c0%ae%c0%ae/x",
        "/clusters/ea%73t/api",
        "/clusters/east/\xc0\xae/x",
      ],
      ...["/clusters/east/x/..;/y", "/clusters/east/a\\..\\b"],
    ]) {
      expect([target, statusOf(await send(target))]).toEqual([target, 400]);
    }
    expect(statusOf(await raw(`CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`))).toBe(405);
    expect(east.seen.length).toBe(before);
    await send("/clusters/east/api/v1/x/a%2Fb;c//d?e=%2e%2e&f=%%");
    expect(east.seen.at(-1)?.path).toBe("/api/v1/x/a%2Fb;c//d?e=%2e%2e&f=%%");
  });

  test("a token scoped to another cluster", async () => {
    const west = await tokenFor("alice", { clusters: ["west"] });
    const answer = await ask(path, west);
    expect([answer.status, JSON.parse(answer.body).details.causes[0].reason]).toEqual([403, "OutOfScope"]);
    expect((await ask("/clusters/hub/api", west)).status).toBe(403);
    await untilStatus(200, path, await tokenFor("alice", { clusters: ["east"] }));
  });

  test("a closed cluster and one that does not exist are answered with the same bytes", async () => {
    const token = await tokenFor("bob");
    const neutral = (answer: Answer, cluster: string) => [answer.status, answer.body.replaceAll(cluster, "C"), Object.keys(answer.headers)];
    const foreign = neutral(await ask(path, token), "east");
    expect(foreign[0]).toBe(403);
    expect(neutral(await ask("/clusters/none/api", token), "none")).toEqual(foreign);
    expect(neutral(await ask("/clusters/west/api", token), "west")).toEqual(foreign);
  });

  test("a cluster whose agent is not connected is answered with Retry-After", async () => {
    await hub.apply(drover(ClusterMembers.kind, "members", { users: ["carol"], groups: [], everyone: false }, "cluster-west"));
    const token = await tokenFor("carol");
    await untilStatus(503, "/clusters/west/api", token);
    const answer = await ask("/clusters/west/api", token);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(JSON.parse(answer.body)).toMatchObject({ reason: "ServiceUnavailable", details: { causes: [{ reason: "NotConnected" }] } });
  });

  test("request smuggling", async () => {
    const token = await tokenFor("alice");
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`;
    const hidden = "GET /clusters/east/api/v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const rest of [
      `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `Content-Length: 4\r\nContent-Length: 60\r\n\r\nabcd${hidden}`,
      `Content-Length: +4\r\n\r\nabcd${hidden}`,
      `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
      `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `X: a\r\n folded: b\r\n\r\n${hidden}`,
      `X : a\r\n\r\n${hidden}`,
      `X: a\nY: b\r\n\r\n${hidden}`,
      `X: a\0b\r\n\r\n${hidden}`,
    ]) {
      const answer = await raw(head + rest);
      expect([rest.slice(0, 40), statusOf(answer)]).toEqual([rest.slice(0, 40), 400]);
      expect(answer).not.toContain(token);
    }
    expect(statusOf(await raw(`GET ${path} HTTP/1.1\nHost: x\n\n`))).toBe(400);
    expect(east.seen.some((seen) => seen.path.includes("smuggled"))).toBe(false);
    expect(statusOf(await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(70_000)}\r\n\r\n`))).toBe(431);
  });
});

describe("a change of protocol", () => {
  const upgrade = (path: string, token: string, behind = "") =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${behind}`;

  test("carries bytes both ways, those right behind the request first", async () => {
    const token = await tokenFor("alice");
    await untilStatus(200, "/clusters/east/version", token);
    let text = "";
    const socket = connect({ host: "127.0.0.1", port, ca: hub.plane.ca, ALPNProtocols: ["http/1.1"] });
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
    const token = await tokenFor("alice");
    const second = `GET /clusters/east/api/v1/second HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const answer = await raw(upgrade("/clusters/east/api/v1/namespaces/default/pods/none/exec?command=ls", token, second));
    expect(statusOf(answer)).toBe(403);
    expect(answer).toMatch(/connection: close/i);
    expect(answer.match(/HTTP\/1\.1/g)?.length).toBe(1);
    for (const target of ["/clusters/west/api", "/clusters/east/../x", "/agents/east/hub/apis"]) {
      expect((await raw(upgrade(target, token, second))).match(/HTTP\/1\.1/g)?.length).toBe(1);
    }
    const h2c = upgrade("/clusters/east/api", token, second).replace("websocket", "h2c");
    expect(statusOf(await raw(h2c))).toBe(400);
    expect(east.seen.some(({ path }) => path.includes("second"))).toBe(false);
  });

  test("without a token is refused, and the token is nowhere in the log", async () => {
    expect(statusOf(await raw(upgrade("/clusters/east/test/echo", "x")))).toBe(401);
    const token = await tokenFor("alice");
    const ws = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString("base64url")}, v4.channel.k8s.io\r\n`;
    await raw(upgrade("/clusters/east/test/headers?secret=sentinel", token).replace("Connection:", `${ws}Connection:`));
    expect(east.seen.at(-1)?.headers).toContain("v4.channel.k8s.io");
    await until(async () => (await proxy.output()).includes("/test/headers"), "the record");
    const log = await proxy.output();
    for (const secret of [token, Buffer.from(token).toString("base64url"), "sentinel", "Bearer"]) expect(log).not.toContain(secret);
  });
});

describe("an open request ends at once", () => {
  /** Opens a stream that stays open, as the user; resolves with how it ends. */
  async function openStream(token: string): Promise<{ ended: () => boolean }> {
    let begun = false;
    let ended = false;
    const headers = { authorization: `Bearer ${token}` };
    const req = request({ host: "127.0.0.1", port, ca: hub.plane.ca, path: "/clusters/east/test/open", headers }, (res) => {
      res.on("data", () => {
        begun = true;
      });
      res.on("error", () => {});
      res.on("close", () => {
        ended = true;
      });
    });
    req.on("error", () => {});
    req.end();
    await until(() => begun, "the stream is open");
    return { ended: () => ended };
  }

  test.each<[string, (token: string) => Promise<unknown>]>([
    ["its token is deleted", (token) => auth.delete(Token, { name: nameOf(token) })],
    ["its user is disabled", () => hub.admin.patch(User, { name: "dave" }, { spec: { enabled: false } }, { type: "merge" })],
    [
      "the user is no member any more",
      () =>
        hub.admin.patch(ClusterMembers, { namespace: "cluster-east", name: "members" }, { spec: { users: ["alice"] } }, { type: "merge" }),
    ],
  ])("when %s, and others go on", async (_, change) => {
    await hub.admin.patch(User, { name: "dave" }, { spec: { enabled: true } }, { type: "merge" });
    await hub.admin.patch(
      ClusterMembers,
      { namespace: "cluster-east", name: "members" },
      { spec: { users: ["alice", "dave"] } },
      { type: "merge" },
    );
    const [daves, alices] = [await tokenFor("dave"), await tokenFor("alice")];
    await untilStatus(403, "/clusters/east/api/v1/secrets", daves);
    const stream = await openStream(daves);
    const other = await openStream(alices);
    await change(daves);
    await until(() => stream.ended(), "the stream ends");
    expect(other.ended()).toBe(false);
    expect([401, 403]).toContain((await ask("/clusters/east/version", daves)).status);
  });

  test("over HTTP/2 it is cancelled: neither complete nor a fault", async () => {
    const token = await tokenFor("alice");
    const session = await http2();
    const stream = session.request({ authorization: `Bearer ${token}`, ":path": "/clusters/east/test/open" });
    let begun = false;
    stream.on("data", () => {
      begun = true;
    });
    stream.on("error", () => {});
    const closed = new Promise<number>((resolve) => stream.once("close", () => resolve(stream.rstCode)));
    await until(() => begun, "the stream is open");
    await auth.delete(Token, { name: nameOf(token) });
    expect(await closed).toBe(constants.NGHTTP2_CANCEL);
    session.close();
  });

  test("when its token's time has come", async () => {
    const token = await tokenFor("alice", { seconds: 6 });
    const stream = await openStream(token);
    await until(() => stream.ended(), "the stream ends");
    expect((await ask("/clusters/east/version", token)).status).toBe(401);
  });
});

describe("a login that is none any more", () => {
  const path = "/clusters/east/api/v1/namespaces";
  const setStatus = (status: object): Promise<string> =>
    hub.kubectl(["patch", "user.drover.dev", "alice", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);

  test.each([
    ["a new password", { credential: "00000000000000bb" }],
    ["logging out everywhere", { loginGeneration: 1 }],
  ])("%s ends the logins from before, and what they have open", async (_, status) => {
    await setStatus({ credential: "00000000000000aa", loginGeneration: 0 });
    const token = await tokenFor("alice");
    await untilStatus(200, path, token);
    const stream = request({
      ...{ host: "127.0.0.1", port, ca: hub.plane.ca, headers: { authorization: `Bearer ${token}` } },
      path: "/clusters/east/api/v1/namespaces?watch=1",
    });
    const ended = new Promise((resolve) => stream.on("close", resolve));
    const begun = new Promise((resolve) => stream.on("response", (res) => resolve(res.on("error", () => {}).resume())));
    stream.on("error", () => {}).end();
    await begun;
    await setStatus(status);
    await ended;
    expect((await ask(path, token)).status).toBe(401);
    await setStatus({ credential: null, loginGeneration: null });
    await untilStatus(200, path, await tokenFor("alice"));
  });

  test("a new user of the same name has none of the sessions of the one before", async () => {
    const token = await tokenFor("alice");
    await untilStatus(200, path, token);
    await hub.kubectl(["delete", "user.drover.dev", "alice"]);
    await hub.apply(drover(User.kind, "alice", {}));
    await untilStatus(200, path, await tokenFor("alice"));
    expect((await ask(path, token)).status).toBe(401);
  });

  test("a provider that was made again under its name, or restricted to others, has none of the sessions from before", async () => {
    const token = await tokenFor("alice");
    await untilStatus(200, path, token);
    const restrict = (access: object): Promise<string> =>
      hub.kubectl(["patch", "authprovider.drover.dev", "local", "--type=merge", "-p", JSON.stringify({ spec: { access } })]);
    await restrict({ mode: "Required", users: ["bob"] });
    await untilStatus(401, path, token);
    await restrict({ mode: "Unrestricted", users: null });
    await untilStatus(200, path, token);
    await hub.kubectl(["delete", "authprovider.drover.dev", "local"]);
    await hub.apply(drover(AuthProvider.kind, "local", { local: {} }));
    await untilStatus(200, path, await tokenFor("alice"));
    expect((await ask(path, token)).status).toBe(401);
  });
});

describe("an agent", () => {
  const leasePath = "/agents/east/hub/apis/coordination.k8s.io/v1/namespaces/cluster-east/leases/agent";
  let token: string;

  beforeAll(async () => {
    token = await agentTokenOf(hub, "east");
  });

  test("renews its lease and watches its sets through the public endpoint, as itself", async () => {
    const body = JSON.stringify({ spec: { holderIdentity: "agent" } });
    const patched = await ask(leasePath, token, { "content-type": "application/merge-patch+json" }, "PATCH", body);
    expect([patched.status, JSON.parse(patched.body).spec?.holderIdentity]).toEqual([200, "agent"]);
    const client = new KubeClient({ server: `https://127.0.0.1:${port}/agents/east/hub`, ca: hub.plane.ca, token: async () => token });
    const abort = new AbortController();
    const path = "/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets?limit=500";
    expect(await client.request("GET", path, { signal: abort.signal })).toMatchObject({ kind: "AccessSetList" });
    await client.close();
  });

  test("has the head of a quiet watch at once", async () => {
    const path = "/agents/east/hub/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets?watch=true";
    const options = { host: "127.0.0.1", port, ca: hub.plane.ca, path, agent: false, headers: { authorization: `Bearer ${token}` } };
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
      (await hub.admin.requestToken({ namespace, name }, { expirationSeconds: 3600 })).token;
    const sets = "/agents/east/hub/apis/drover.dev/v1alpha1/namespaces/cluster-east/accesssets";
    const [west, proxys] = [await agentTokenOf(hub, "west"), await tokenOf("drover-system", "proxy")];
    expect((await ask(sets, west)).status).toBe(401);
    expect((await ask(sets, proxys)).status).toBe(401);
    expect((await ask(sets, await tokenFor("alice"))).status).toBe(401);
    expect((await ask(sets, undefined)).status).toBe(401);
    expect((await ask(sets.replace("namespaces/cluster-east", "namespaces/cluster-west"), token)).status).toBe(403);
    expect((await ask("/agents/west/hub/apis/drover.dev/v1alpha1/clusterroletemplates", token)).status).toBe(401);
    expect((await ask("/agents/east/hub/api/v1/namespaces/cluster-east/secrets", token)).status).toBe(403);
    expect((await ask("/agents/east/hub/apis/drover.dev/v1alpha1/tokens", token)).status).toBe(403);
    expect((await ask(leasePath, token, {}, "DELETE")).status).toBe(403);
    const forged = `${token.split(".").slice(0, 2).join(".")}.${Buffer.from("forged").toString("base64url")}`;
    expect((await ask(sets, forged)).status).toBe(401);
    const upgraded = `GET ${sets} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    expect(statusOf(await raw(upgraded))).toBe(400);
  });

  test("opens a tunnel only for its own cluster, with a token that the hub takes", async () => {
    const { cert, key } = hub.plane.clientCertificate("none", []);
    const dial = (cluster: string, token: string) =>
      dialTunnel({ proxy: { port, ca: hub.plane.ca }, cluster, token, managed: { server: hub.plane.server, ca: hub.plane.ca, cert, key } });
    await expect(dial("west", token)).rejects.toThrow("401");
    await expect(dial("east", `${token.split(".").slice(0, 2).join(".")}.Zm9yZ2Vk`)).rejects.toThrow("401");
    await expect(dial("east", await tokenFor("alice"))).rejects.toThrow("401");
    expect(statusOf(await raw(`GET /agents/east/tunnel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`))).toBe(400);
  });

  test("that lost its connection without noticing is served by its newest tunnel", async () => {
    const people = await tokenFor("alice");
    const newer = await dialEast();
    expect(newer.replica).toBe("proxy-0");
    east.session.destroy();
    await untilStatus(200, "/clusters/east/version", people);
    expect(newer.seen.at(-1)?.path).toBe("/version");
    east = newer;
  });
});

describe("the process", () => {
  test("renews a Lease, and sends agents the names of all replicas that do", async () => {
    const lease = (name: string): KubeObject => ({
      apiVersion: Lease.apiVersion,
      kind: Lease.kind,
      metadata: { name, namespace: "drover-proxies", labels: { "app.kubernetes.io/name": "proxy", "app.kubernetes.io/part-of": "drover" } },
    });
    const first = await hub.admin.get(Lease, { namespace: "drover-proxies", name: "proxy-0" });
    expect(first.spec).toMatchObject({ holderIdentity: "proxy-0", leaseDurationSeconds: 30 });
    await until(() => east.replicas().join() === "proxy-0", "the agent knows of the one");
    await hub.admin.create(Lease, { ...lease("proxy-1"), spec: {} });
    await until(() => east.replicas().join() === "proxy-0,proxy-1", "the agent knows of the second");
    const another = await dialEast();
    await until(() => another.replicas().join() === "proxy-0,proxy-1", "a new tunnel says it at once");
    another.session.destroy();
    await hub.admin.delete(Lease, { namespace: "drover-proxies", name: "proxy-1" });
    await until(() => east.replicas().join() === "proxy-0", "the second is gone");
    await until(async () => {
      const now = await hub.admin.get(Lease, { namespace: "drover-proxies", name: "proxy-0" });
      return now.spec?.renewTime !== first.spec?.renewTime;
    }, "its Lease is renewed");
  });

  test("has metrics, without a name in them that an unauthenticated client could choose", async () => {
    const health = /"url":"(http:[^"]+)"/.exec(await proxy.output())?.[1] ?? "";
    const metrics = await (await fetch(`${health}/metrics`)).text();
    expect(metrics).toMatch(/drover_proxy_requests_total\{action="request",status="200",refusal=""\} \d+/);
    expect(metrics).toMatch(/drover_proxy_tunnels 1/);
    expect((await fetch(`${health}/readyz`)).status).toBe(200);
  });

  test("goes on with valid tokens while the hub is away", async () => {
    const token = await tokenFor("alice");
    await untilStatus(200, "/clusters/east/test/headers", token);
    await hub.plane.kill("apiserver");
    expect((await ask("/clusters/east/test/headers", token)).status).toBe(200);
    await hub.plane.start("apiserver");
  });
});
