// The agent's end of the tunnel against a real API server: requests go in by a real session, as the proxy would send them.
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { impersonatorBinding, impersonatorRole } from "../../lib/components/impersonator.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, ConfigMap, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { TunnelCode, type TunnelError } from "../../lib/tunnel/errors.ts";
import type { RequestHead } from "../../lib/tunnel/head.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { startManagedCluster, type TestManagedCluster } from "../../test/managed-cluster.ts";
import { until } from "../../test/until.ts";
import { requestInfo } from "../streams/request-info.ts";
import { reviewAt } from "../streams/review.ts";
import { StreamTable } from "../streams/table.ts";
import { Forwarder } from "./forward.ts";

const RBAC = "rbac.authorization.k8s.io";
const DEVS = "drover:group:corp:devs";
const OPS = "drover:group:corp:ops";

jest.setTimeout(120_000);

let managed: TestManagedCluster;
let agentClient: KubeClient;
let table: StreamTable;
let forwarder: Forwarder;
let proxy: Session;
let sockets: Socket[] = [];
let stop: AbortController;

beforeAll(async () => {
  managed = await startManagedCluster();
  for (const object of [impersonatorRole([DEVS, OPS]), impersonatorBinding]) {
    await managed.admin.apply<KubeObject>(object.kind === "ClusterRole" ? ClusterRole : ClusterRoleBinding, object, {
      fieldManager: "test",
    });
  }
  await managed.admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await managed.admin.create(ClusterRole, {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: "writes" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "watch", "create"] }],
  });
  const connection = await managed.connectionOf("agent");
  agentClient = new KubeClient(connection);
  const token = (await (await managed.connectionOf("impersonator")).token?.()) ?? "";
  forwarder = new Forwarder({
    server: connection.server,
    ca: managed.plane.ca,
    token: () => token,
    knowsGroup: (group) => [DEVS, OPS, "drover:authenticated"].includes(group),
    onBegin: ({ head, groups, end }) =>
      table.add({
        person: { user: head.user, uid: head.uid, groups, extra: head.extra },
        info: requestInfo(head.method, head.path),
        upgrade: false,
        end,
      }),
  });
}, 900_000);

afterAll(async () => {
  forwarder?.close();
  await agentClient?.close();
  await managed?.stop();
}, 60_000);

beforeEach(async () => {
  stop = new AbortController();
  table = new StreamTable({ review: reviewAt(agentClient), signal: stop.signal, againMs: 500 });
  const [near, far] = await socketPair();
  sockets = [near, far];
  proxy = new Session(near, { role: "opener" });
  new Session(far, { role: "acceptor", onStream: (stream) => forwarder.handle(stream) });
  await managed.admin.apply(RoleBinding, binding("alice"), { fieldManager: "test" });
});
afterEach(() => {
  stop.abort();
  for (const socket of sockets) socket.destroy();
});

const binding = (user: string): RoleBinding => ({
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name: user, namespace: "shop" },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "writes" },
  subjects: [{ kind: "User", apiGroup: RBAC, name: `drover:user:${user}` }],
});

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as { port: number }).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  server.close();
  return [near, far];
}

const head = (path: string, more: Partial<RequestHead> = {}): RequestHead => ({
  method: "GET",
  path,
  headers: ["Accept", "application/json"],
  body: "none",
  user: "drover:user:alice",
  uid: "",
  groups: ["drover:authenticated"],
  extra: {},
  ...more,
});

interface Reply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly text: string;
}
async function ask(request: RequestHead, body?: string): Promise<Reply> {
  const stream = proxy.open(request);
  stream.end(body);
  const { status, headers } = await stream.head;
  let text = "";
  for await (const piece of stream) text += (piece as Buffer).toString("utf8");
  return { status, headers, text };
}
const post = (path: string, object: object, more: Partial<RequestHead> = {}): Promise<Reply> => {
  const body = JSON.stringify(object);
  const headers = ["Accept", "application/json", "Content-Type", "application/json"];
  return ask(head(path, { method: "POST", headers, body: Buffer.byteLength(body), ...more }), body);
};
const failureOf = async (stream: Stream): Promise<TunnelError> => (await once(stream, "error"))[0] as TunnelError;
const watchOf = async (user: string): Promise<Stream> => {
  const stream = proxy.open(head("/api/v1/namespaces/shop/configmaps?watch=1", { user: `drover:user:${user}` }));
  stream.end();
  expect((await stream.head).status).toBe(200);
  stream.resume();
  return stream;
};

describe("a tunnelled request", () => {
  test("arrives as the person that it is for, with each of their groups by itself", async () => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const extra = { "drover.dev/provider": ["corp"], "drover.dev/token": ["t-1"] };
    const { status, text } = await post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review, {
      uid: "1234",
      groups: [DEVS, OPS, "drover:authenticated"],
      extra,
    });
    expect(status).toBe(201);
    expect((JSON.parse(text) as { status: { userInfo: unknown } }).status.userInfo).toEqual({
      username: "drover:user:alice",
      uid: "1234",
      groups: [DEVS, OPS, "drover:authenticated", "system:authenticated"],
      extra,
    });
  });

  test("holds that person's rights and no more", async () => {
    expect((await ask(head("/api/v1/namespaces/shop/configmaps"))).status).toBe(200);
    const refused = await ask(head("/api/v1/secrets"));
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.text)).toMatchObject({ kind: "Status", reason: "Forbidden" });
  });

  test("carries bodies of any size both ways, with and without a declared length", async () => {
    const data = { blob: "x".repeat(900_000) };
    const object = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data });
    expect((await post("/api/v1/namespaces/shop/configmaps", object("declared"))).status).toBe(201);
    expect((await post("/api/v1/namespaces/shop/configmaps", object("undeclared"), { body: "chunked" })).status).toBe(201);
    const all = await ask(head("/api/v1/namespaces/shop/configmaps"));
    expect(all.text.length).toBeGreaterThan(1_800_000);
    expect((await managed.admin.get(ConfigMap, { namespace: "shop", name: "undeclared" })).data).toEqual(data);
  });

  test("for a person in a group that no set names gets through without that group", async () => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const { text } = await post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review, {
      groups: ["drover:group:corp:elsewhere", DEVS],
    });
    expect(text).not.toContain("elsewhere");
  });

  test("can change to a WebSocket, which then carries raw bytes", async () => {
    const upgrade = [
      "Connection",
      "Upgrade",
      "Upgrade",
      "websocket",
      "Sec-WebSocket-Version",
      "13",
      "Sec-WebSocket-Key",
      "dGhlIHNhbXBsZSBub25jZQ==",
    ];
    const stream = proxy.open(
      head("/api/v1/namespaces/shop/configmaps?watch=1", { headers: [...upgrade, "Origin", managed.plane.server] }),
    );
    const { status, headers } = await stream.head;
    expect(status).toBe(101);
    expect(headers.map((header) => header.toLowerCase())).toContain("sec-websocket-accept");
    const [first] = (await once(stream, "data")) as [Buffer];
    expect(first[0]).toBe(0x81);
    // A close frame, masked as a client must; the server answers it and ends its side.
    stream.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
    await once(stream, "end");
    stream.end();
    await until(() => proxy.streamCount === 0, "the stream is over");
  });

  test("whose client left is ended at the API server, and nothing of it is left in the table", async () => {
    const stream = await watchOf("alice");
    expect(table.size).toBe(1);
    stream.reset(TunnelCode.Cancelled);
    await until(() => table.size === 0, "it is out of the table");
  });
});

describe("the agent refuses a request whose identity is not a person of Drover", () => {
  const cases: [string, Partial<RequestHead>][] = [
    ["no user", { user: "" }],
    ["a user outside the prefix", { user: "alice" }],
    ["a user of the system", { user: "system:admin" }],
    ["a user that only looks like the prefix", { user: "Drover:user:alice" }],
    ["an empty user after the prefix", { user: "drover:user:" }],
    ["a user with a trailing space", { user: "drover:user:alice " }],
    ["a user with a line break", { user: "drover:user:alice\r\nImpersonate-Group: system:masters" }],
    ["the group system:masters", { groups: ["drover:authenticated", "system:masters"] }],
    ["a group outside the prefix", { groups: ["admins"] }],
    ["a group with a leading space", { groups: [" drover:group:corp:devs"] }],
    ["a group that is not ASCII", { groups: ["drover:group:corp:d\u00e9vs"] }],
    ["an unknown extra", { extra: { "authentication.kubernetes.io/node-name": ["n"] } }],
    ["a header Impersonate-User", { headers: ["impersonate-user", "system:admin"] }],
    ["a header Impersonate-Group", { headers: ["IMPERSONATE-GROUP", "system:masters"] }],
    ["a future header Impersonate-Something", { headers: ["Impersonate-Something", "x"] }],
    ["a header X-Remote-User", { headers: ["X-Remote-User", "admin"] }],
    ["a header Authorization", { headers: ["Authorization", "Bearer stolen"] }],
  ];
  test.each(cases)("%s", async (_what, more) => {
    const { status, text } = await ask(head("/api/v1/namespaces/shop/configmaps", more));
    expect(status).toBe(403);
    expect(JSON.parse(text)).toMatchObject({ kind: "Status", reason: "Forbidden", message: expect.stringContaining("the agent refuses") });
    expect(text).not.toContain("stolen");
  });
});

describe("the tunnel leads to the own API server and nowhere else", () => {
  test("whatever the path and the headers name, another server hears nothing", async () => {
    let heard = 0;
    const victim = createServer((socket) => {
      heard++;
      socket.destroy();
    });
    victim.listen(0, "127.0.0.1");
    await once(victim, "listening");
    const other = `127.0.0.1:${(victim.address() as { port: number }).port}`;
    const attempts: Partial<RequestHead>[] = [
      { path: `//${other}/` },
      { path: `/@${other}/` },
      { path: `/..//${other}/` },
      { path: "/", headers: ["Host", other] },
      { path: "/", headers: ["X-Forwarded-Host", other, "Forwarded", `host=${other}`] },
      { method: "CONNECT", path: `/${other}` },
    ];
    for (const attempt of attempts) {
      const outcome = await ask(head("/", attempt)).then(
        ({ status }) => status,
        (error: TunnelError) => error.reason,
      );
      expect(outcome).not.toBe(200);
    }
    expect(heard).toBe(0);
    victim.close();
  });

  test("a path in absolute form is not even read as a request", async () => {
    const stream = proxy.open(head("http://127.0.0.1:1/"));
    expect((await failureOf(stream)).code).toBe(TunnelCode.Protocol);
  });
});

describe("open streams", () => {
  test("end when the right they rest on is withdrawn, and the others stay", async () => {
    await managed.admin.apply(RoleBinding, binding("bob"), { fieldManager: "test" });
    const [alice, bob] = await Promise.all([watchOf("alice"), watchOf("bob")]);
    await managed.admin.delete(RoleBinding, { namespace: "shop", name: "bob" });
    const ended = failureOf(bob);
    await table.recheck();
    expect((await ended).code).toBe(TunnelCode.Revoked);
    expect(table.ended).toBe(1);
    expect(table.size).toBe(1);
    expect(alice.destroyed).toBe(false);
  });

  test("are asked about once more a little later, without anything new being withdrawn", async () => {
    const alice = await watchOf("alice");
    await table.recheck();
    expect(alice.destroyed).toBe(false);
    const ended = failureOf(alice);
    await managed.admin.delete(RoleBinding, { namespace: "shop", name: "alice" });
    expect((await ended).code).toBe(TunnelCode.Revoked);
  });

  test("stay while the API server cannot be asked, and end once it can", async () => {
    await watchOf("alice");
    let answers = false;
    const asked = new StreamTable({
      review: async () => {
        if (!answers) throw new Error("the API server is away");
        return false;
      },
      signal: stop.signal,
      againMs: 20,
    });
    let reason = "";
    asked.add({
      person: { user: "drover:user:x", uid: "", groups: [], extra: {} },
      info: requestInfo("GET", "/api/v1/pods?watch=1"),
      upgrade: false,
      end: (why) => {
        reason = why;
      },
    });
    await asked.recheck();
    expect(asked.size).toBe(1);
    answers = true;
    await until(() => asked.size === 0, "it is ended");
    expect(reason).toContain("ended");
  });
});

describe("an API server that goes away", () => {
  test("breaks off what is open, and is found again when it is back", async () => {
    const watch = await watchOf("alice");
    const failed = failureOf(watch);
    await managed.plane.kill("apiserver");
    expect((await failed).code).toBe(TunnelCode.Unreachable);
    const refused = proxy.open(head("/api/v1/namespaces/shop/configmaps"));
    refused.end();
    expect((await failureOf(refused)).code).toBe(TunnelCode.Unreachable);
    await managed.plane.start("apiserver");
    expect((await ask(head("/api/v1/namespaces/shop/configmaps"))).status).toBe(200);
  });
});
