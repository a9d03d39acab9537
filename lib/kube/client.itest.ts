// The client, and every way to connect, against a real API server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { until } from "../../test/until.ts";
import { Cache } from "./cache.ts";
import {
  ApiError,
  ConnectionError,
  type Fence,
  FencedError,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  KubeClient,
  TimeoutError,
} from "./client.ts";
import { connectionFromKubeconfig } from "./connection.ts";
import { ConfigMap, Namespace, ServiceAccount } from "./core.ts";

// Generous: it usually takes milliseconds, but a busy machine may be slow.
jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
const namespace = "client";

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data,
});
const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test("create, get, replace, patch, apply and delete work, and errors say what was wrong", async () => {
  const key = { name: "a", namespace };
  expect(await admin.find(ConfigMap, key)).toBeUndefined();
  expect(isNotFound(await failure(admin.get(ConfigMap, key)))).toBe(true);
  const made = await admin.create(ConfigMap, configMap("a", { x: "1" }));
  expect(isAlreadyExists(await failure(admin.create(ConfigMap, configMap("a"))))).toBe(true);
  expect((await admin.patch(ConfigMap, key, { data: { y: "2" } }, { type: "merge" })).data).toEqual({ x: "1", y: "2" });
  expect((await admin.patch(ConfigMap, key, [{ op: "remove", path: "/data/y" }], { type: "json" })).data).toEqual({ x: "1" });
  expect(isConflict(await failure(admin.replace(ConfigMap, made)))).toBe(true);
  const applied = await admin.apply(ConfigMap, configMap("a", { x: "3" }), { fieldManager: "one" });
  expect(applied.data).toEqual({ x: "3" });
  const unforced = admin.apply(ConfigMap, configMap("a", { x: "4" }), { fieldManager: "two", force: false });
  expect(isConflict(await failure(unforced))).toBe(true);
  expect(isInvalid(await failure(admin.create(ConfigMap, configMap("NOT VALID"))))).toBe(true);
  expect((await admin.apply(ConfigMap, configMap("a", { x: "5" }), { fieldManager: "one", dryRun: true })).data).toEqual({ x: "5" });
  expect((await admin.get(ConfigMap, key)).data).toEqual({ x: "3" });
  expect(isConflict(await failure(admin.delete(ConfigMap, key, { uid: "0b5e7a3e-0000-0000-0000-000000000000" })))).toBe(true);
  expect(isConflict(await failure(admin.delete(ConfigMap, key, { resourceVersion: made.metadata.resourceVersion })))).toBe(true);
  await admin.delete(ConfigMap, key, { uid: made.metadata.uid });
  expect(isNotFound(await failure(admin.delete(ConfigMap, key)))).toBe(true);
});

test("applying with a uid means exactly that object: it neither changes another one of the same name nor creates one", async () => {
  const key = { name: "by-uid", namespace };
  const of = (uid: string): ConfigMap => ({ ...configMap("by-uid", { x: "1" }), metadata: { ...key, uid } });
  const foreign = "0b5e7a3e-0000-0000-0000-000000000000";
  expect(await failure(admin.apply(ConfigMap, of(foreign), { fieldManager: "one" }))).toMatchObject({ code: 409 });
  const { metadata } = await admin.create(ConfigMap, configMap("by-uid"));
  const refusal = await failure(admin.apply(ConfigMap, of(foreign), { fieldManager: "one" }));
  expect(isConflict(refusal) || isInvalid(refusal)).toBe(true);
  expect((await admin.apply(ConfigMap, of(metadata.uid ?? ""), { fieldManager: "one" })).data).toEqual({ x: "1" });
});

test("find returns undefined only for an object that does not exist, not for a kind that is not served", async () => {
  const Unserved = { apiVersion: "nowhere.drover.dev/v1", kind: "Thing", plural: "things", namespaced: false };
  expect(await failure(admin.find(Unserved, { name: "a" }))).toBeInstanceOf(ApiError);
});

test("a list of 5,000 objects comes in pages that show one moment, and a cache holds all of them", async () => {
  const total = 5_000;
  const names = Array.from({ length: total }, (_, index) => `many-${String(index).padStart(4, "0")}`);
  const left = names.values();
  const make = async (): Promise<void> => {
    for (const name of left) await admin.create(ConfigMap, { ...configMap(name), metadata: { name, namespace, labels: { many: "yes" } } });
  };
  await Promise.all(Array.from({ length: 32 }, make));
  const { items, resourceVersion } = await admin.list(ConfigMap, { namespace, labelSelector: "many" });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(items[0]).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  expect(Number(resourceVersion)).toBeGreaterThan(0);
  const audited = (await readFile(plane.auditLog, "utf8"))
    .split("\n")
    .filter((line) => line.includes("limit=500") && line.includes("labelSelector=many"));
  expect(audited).toHaveLength(total / 500);
  const stop = new AbortController();
  const cache = new Cache(admin, ConfigMap, { namespace, labelSelector: "many" });
  cache.start(stop.signal);
  await cache.synced;
  expect(cache.size).toBe(total);
  await admin.delete(ConfigMap, { name: "many-2500", namespace });
  await until(() => cache.size === total - 1, "the deletion arrives");
  stop.abort();
});

test("a fenced client reads, but does not write when the fence is closed or about to close", async () => {
  let remainingMs = 0;
  const fence: Fence = { mayWrite: () => remainingMs > 0, remainingMs: () => remainingMs };
  const fenced = admin.fenced(fence);
  await fenced.list(Namespace);
  for (const ms of [0, 100]) {
    remainingMs = ms;
    expect(await failure(fenced.create(ConfigMap, configMap("fenced")))).toBeInstanceOf(FencedError);
    expect(await failure(fenced.delete(ConfigMap, { name: "fenced", namespace }))).toBeInstanceOf(FencedError);
  }
  remainingMs = 5_000;
  await fenced.create(ConfigMap, configMap("fenced"));
});

test("a server that does not answer is a TimeoutError, one that is not there a ConnectionError, and so is one with an untrusted certificate", async () => {
  const hasty = new KubeClient(plane.adminConnection(), { timeoutMs: 500 });
  await plane.kill("apiserver", "SIGSTOP");
  try {
    expect(await failure(hasty.list(Namespace))).toBeInstanceOf(TimeoutError);
  } finally {
    await plane.kill("apiserver", "SIGCONT");
  }
  await hasty.close();
  const nobody = new KubeClient({ ...plane.adminConnection(), server: "https://127.0.0.1:9" });
  expect(await failure(nobody.list(Namespace))).toBeInstanceOf(ConnectionError);
  await nobody.close();
  const { ca: _, ...distrusting } = plane.adminConnection();
  const suspicious = new KubeClient(distrusting);
  expect(String(await failure(suspicious.list(Namespace)))).toContain("certificate");
  await suspicious.close();
  expect(() => new KubeClient({ server: plane.server.replace("https", "http") })).toThrow("https");
});

test("an abort ends a request at once, with the caller's reason", async () => {
  const stop = new AbortController();
  await plane.kill("apiserver", "SIGSTOP");
  try {
    const pending = failure(admin.list(Namespace, { signal: stop.signal }));
    stop.abort(new Error("never mind"));
    expect(await pending).toMatchObject({ message: "never mind" });
  } finally {
    await plane.kill("apiserver", "SIGCONT");
  }
});

test("a hundred watches do not delay requests", async () => {
  const stop = new AbortController();
  const { resourceVersion } = await admin.list(Namespace);
  const watches = Array.from({ length: 100 }, async () => {
    const events = admin.watch(Namespace, { resourceVersion, signal: stop.signal });
    return (await events.next()).value?.object.metadata.name;
  });
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: "seen-by-all" } });
  expect(new Set(await Promise.all(watches))).toEqual(new Set(["seen-by-all"]));
  stop.abort();
});

test("every kind of credential in a kubeconfig works", async () => {
  const account = { name: "robot", namespace };
  await admin.create(ServiceAccount, { apiVersion: "v1", kind: "ServiceAccount", metadata: account });
  const whoAmI = async (user: object): Promise<string> => {
    const client = new KubeClient(await connectionFromKubeconfig(await kubeconfig(user)));
    try {
      return await userOf(client);
    } finally {
      await client.close();
    }
  };
  const { token } = await admin.requestToken(account, { expirationSeconds: 600 });
  const alice = plane.clientCertificate("alice");
  const robot = "system:serviceaccount:client:robot";
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(plane.directory, name);
    await writeFile(path, content, { mode: 0o700 });
    return path;
  };
  const credential = (status: object): string =>
    JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status });
  const plugin = async (name: string, status: object) => ({
    exec: {
      apiVersion: "client.authentication.k8s.io/v1",
      interactiveMode: "Never",
      command: await file(name, `#!/bin/sh\ncat <<'END'\n${credential(status)}\nEND\n`),
    },
  });
  expect(await whoAmI({ token })).toBe(robot);
  expect(await whoAmI({ tokenFile: await file("token", `${token}\n`) })).toBe(robot);
  expect(await whoAmI({ "client-certificate-data": base64(alice.cert), "client-key-data": base64(alice.key) })).toBe("alice");
  expect(await whoAmI({ "client-certificate": await file("a.crt", alice.cert), "client-key": await file("a.key", alice.key) })).toBe(
    "alice",
  );
  expect(await whoAmI(await plugin("exec-token", { token }))).toBe(robot);
  expect(await whoAmI(await plugin("exec-cert", { clientCertificateData: alice.cert, clientKeyData: alice.key }))).toBe("alice");
});

test("a client certificate that was replaced on disk is presented on the next new connection", async () => {
  const pairs = { alice: plane.clientCertificate("alice"), bob: plane.clientCertificate("bob") };
  const put = async ({ cert, key }: { cert: string; key: string }) => {
    await writeFile(join(plane.directory, "rotating.crt"), cert);
    await writeFile(join(plane.directory, "rotating.key"), key);
  };
  await put(pairs.alice);
  const user = { "client-certificate": join(plane.directory, "rotating.crt"), "client-key": join(plane.directory, "rotating.key") };
  const client = new KubeClient(await connectionFromKubeconfig(await kubeconfig(user)));
  expect(await userOf(client)).toBe("alice");
  await put(pairs.bob);
  expect(await userOf(client)).toBe("alice");
  client.renewConnections();
  expect(await userOf(client)).toBe("bob");
  await client.close();
});

test("an API server below a path prefix is reached, with watches", async () => {
  // kubectl proxy speaks plain HTTP, so the test puts a TLS server in front of it.
  const proxy = spawn(join(plane.binaries, "kubectl"), [
    "proxy",
    "--port=0",
    "--api-prefix=/clusters/east",
    `--kubeconfig=${plane.adminKubeconfig}`,
  ]);
  const [line] = (await once(proxy.stdout, "data")) as [Buffer];
  const port = Number(/:(\d+)/.exec(line.toString())?.[1]);
  const { cert, key } = plane.serving.certificate({ commonName: "prefix" }, ["server"], ["127.0.0.1"]);
  const front = createServer({ cert, key }, (near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", () => resolve()));
  const { port: outside } = front.address() as AddressInfo;
  const client = new KubeClient({ server: `https://127.0.0.1:${outside}/clusters/east/`, ca: plane.ca });
  const stop = new AbortController();
  try {
    const cache = new Cache(client, ConfigMap, { namespace });
    cache.start(stop.signal);
    await cache.synced;
    await client.create(ConfigMap, configMap("below-prefix"));
    await until(() => cache.get({ name: "below-prefix", namespace }) !== undefined, "the watch works below the prefix");
  } finally {
    stop.abort();
    await client.close();
    front.close();
    proxy.kill();
  }
});

/** The user that the API server sees. */
async function userOf(client: KubeClient): Promise<string> {
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const answer = await client.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body });
  return (answer as { status: { userInfo: { username: string } } }).status.userInfo.username;
}

async function kubeconfig(user: object, cluster: object = {}): Promise<string> {
  const path = join(plane.directory, `kubeconfig-${Math.random()}`);
  const ca = Buffer.from(plane.ca).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: plane.server, "certificate-authority-data": ca, ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}
