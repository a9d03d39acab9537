// The cache against a real API server that is killed, compacted, frozen and disconnected.
import { once } from "node:events";
import { cp, rename, rm } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { Relay } from "../../test/relay.ts";
import { until } from "../../test/until.ts";
import { Cache, type CacheOptions } from "./cache.ts";
import { KubeClient } from "./client.ts";
import { ConfigMap, Namespace } from "./core.ts";

// Generous: it usually takes milliseconds, but a busy machine may be slow.
jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
let stop: AbortController;
let namespace: string;
let count = 0;

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});
beforeEach(async () => {
  stop = new AbortController();
  namespace = `cache-${++count}`;
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
});
afterEach(() => stop.abort());

const configMap = (name: string, value: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace },
  data: { value },
});
const write = (name: string, value: string): Promise<ConfigMap> => admin.apply(ConfigMap, configMap(name, value), { fieldManager: "test" });

/** A started, synced cache of this test's ConfigMaps, with the calls of its listeners and the number of new lists. */
async function started(client: KubeClient, more: CacheOptions<ConfigMap> = {}) {
  const told: string[] = [];
  const counts = { relists: 0, restarts: 0 };
  const cache = new Cache(client, ConfigMap, {
    namespace,
    backoff: { baseMs: 50, capMs: 500 },
    onRelist: () => counts.relists++,
    onRestart: () => counts.restarts++,
    ...more,
  });
  cache.onChange((now, before) =>
    told.push(`${now === undefined ? "-" : before === undefined ? "+" : "~"}${(now ?? before)?.metadata.name}`),
  );
  cache.start(stop.signal);
  await cache.synced;
  return { cache, told, counts, value: (name: string) => cache.get({ name, namespace })?.data?.value };
}

test("a cache notifies of existing objects, of each change and of each deletion, and keeps its indexes", async () => {
  await write("a", "1");
  const { cache, told } = await started(admin, { indexes: { value: (object) => [object.data?.value ?? ""] } });
  await write("b", "1");
  await write("b", "2");
  await admin.delete(ConfigMap, { name: "a", namespace });
  await until(() => told.length >= 4, "four notifications");
  expect(told).toEqual(["+a", "+b", "~b", "-a"]);
  expect(cache.byIndex("value", "1")).toEqual([]);
  expect(cache.byIndex("value", "2").map(({ metadata }) => metadata.name)).toEqual(["b"]);
  expect(cache.list({ namespace }).map(({ metadata }) => metadata.name)).toEqual(["b"]);
  expect(cache.list({ namespace: "elsewhere" })).toEqual([]);
  expect(cache.staleForMs()).toBeLessThan(30_000);
});

test("a watch survives the API server being killed: later changes arrive, and no change is notified twice", async () => {
  await write("a", "1");
  const { told, counts, value } = await started(admin);
  await plane.kill("apiserver");
  await plane.start("apiserver");
  await until(() => write("b", "1").then(() => true), "the API server takes writes");
  await until(() => value("b") === "1", "the change after the restart");
  expect(told).toEqual(["+a", "+b"]);
  expect(counts.restarts).toBeGreaterThan(0);
});

test("objects deleted, changed and created during a gap, with a compaction, are notified as such after a new list", async () => {
  await throughRelay(async (relay, client) => {
    for (const name of ["changed", "deleted", "kept"]) await write(name, "1");
    const { told, counts, value } = await started(client);
    relay.cut();
    await admin.delete(ConfigMap, { name: "deleted", namespace });
    await write("changed", "2");
    await write("new", "1");
    await plane.compact();
    // A new API server has only what etcd still has: the version at which the watch stopped is compacted.
    await plane.kill("apiserver");
    await plane.start("apiserver");
    relay.open();
    await until(() => value("new") === "1", "the new list");
    expect(told).toEqual(["+changed", "+deleted", "+kept", "-deleted", "~changed", "+new"]);
    expect(counts.relists).toBe(1);
    await write("kept", "2");
    await until(() => value("kept") === "2", "the watch after the new list");
  });
});

test("a silent watch is restarted at its last version, without a new list", async () => {
  await throughRelay(async (relay, client) => {
    await write("a", "1");
    const { cache, told, counts, value } = await started(client, { inactivityMs: 1_000 });
    await write("a", "2");
    await until(() => value("a") === "2", "the watch is there");
    relay.silence();
    await write("a", "3");
    await until(() => value("a") === "3", "the change behind the silence");
    expect(told).toEqual(["+a", "~a", "~a"]);
    expect(counts.relists).toBe(0);
    expect(counts.restarts).toBeGreaterThan(0);
    expect(cache.lastError).toBeUndefined();
  });
});

test("a watch without events outlives the time limit of requests", async () => {
  await throughRelay(async (relay) => {
    const hasty = new KubeClient({ ...plane.adminConnection(), server: relay.url }, { timeoutMs: 1_000 });
    try {
      const { counts, value } = await started(hasty);
      // A server that never answers shows that the time limit of requests has passed, and passed again.
      const mute = createServer().listen(0, "127.0.0.1");
      await once(mute, "listening");
      const server = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
      const waiting = new KubeClient({ ...plane.adminConnection(), server }, { timeoutMs: 1_000 });
      for (const _ of [1, 2, 3]) await expect(waiting.list(Namespace)).rejects.toThrow("no answer within 1000 ms");
      await waiting.close();
      mute.close();
      await write("a", "1");
      await until(() => value("a") === "1", "the change after the quiet time");
      expect(counts).toEqual({ relists: 0, restarts: 0 });
    } finally {
      await hasty.close();
    }
  });
});

test("a frozen API server is noticed by its silence, and the watch continues when the server does", async () => {
  await write("a", "1");
  const { cache, value } = await started(admin, { inactivityMs: 1_000 });
  await plane.kill("apiserver", "SIGSTOP");
  try {
    await until(() => cache.staleForMs() > 1_500 && cache.lastError !== undefined, "the silence is noticed");
  } finally {
    await plane.kill("apiserver", "SIGCONT");
  }
  await until(() => write("a", "2").then(() => true), "the API server takes writes");
  await until(() => value("a") === "2", "the change after the thaw");
});

test("no change is lost while connections break again and again", async () => {
  await throughRelay(async (relay, client) => {
    const { cache, told } = await started(client, { backoff: { baseMs: 5, capMs: 20 } });
    const seen = new Map<string, string | undefined>();
    cache.onChange((now, before) => seen.set((now ?? before)?.metadata.name ?? "", now?.data?.value));
    for (let round = 0; round < 60; round++) {
      await write(`n${round % 7}`, String(round));
      if (round % 5 === 4) await admin.delete(ConfigMap, { name: `n${round % 7}`, namespace });
      if (round % 4 === 0) relay.cut();
      relay.open();
    }
    const truth = await admin.list(ConfigMap, { namespace });
    const content = (objects: readonly ConfigMap[]) => objects.map(({ metadata, data }) => `${metadata.name}=${data?.value}`).sort();
    await until(() => content(cache.list()).join() === content(truth.items).join(), "the cache equals the server");
    // The notifications add up to the content of the cache.
    const toldSo = [...seen].filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value}`);
    expect(toldSo.sort()).toEqual(content(truth.items));
    expect(told.length).toBeGreaterThan(20);
  });
});

test("a server that was restored from a backup is listed again, instead of being watched from a version that it has not reached", async () => {
  const data = join(plane.directory, "etcd");
  const restart = async (between: () => Promise<void>): Promise<void> => {
    await plane.kill("apiserver");
    await plane.kill("etcd");
    await between();
    await plane.start("etcd");
    await plane.start("apiserver");
  };
  await write("a", "1");
  await restart(() => cp(data, `${data}-backup`, { recursive: true }));
  const { told, value } = await started(admin);
  await write("lost", "1");
  await write("a", "2");
  await until(() => value("lost") === "1" && value("a") === "2", "what will be lost is seen");
  await restart(async () => {
    await rm(data, { recursive: true });
    await rename(`${data}-backup`, data);
  });
  await until(() => value("a") === "1" && value("lost") === undefined, "the past is seen");
  expect(told).toEqual(["+a", "+lost", "~a", "-lost", "~a"]);
  await until(() => write("a", "3").then(() => true), "the API server takes writes");
  await until(() => value("a") === "3", "the watch goes on from there");
});

test("a cache covers the objects of its selection, and no others", async () => {
  const { cache } = await started(admin, { name: "a" });
  await write("b", "1");
  await write("a", "1");
  await until(() => cache.get({ name: "a", namespace }) !== undefined, "the selected object");
  expect(cache.get({ name: "b", namespace })).toBeUndefined();
  expect(cache.covers({ name: "a", namespace })).toBe(true);
  expect(cache.covers({ name: "b", namespace })).toBe(false);
  expect(cache.covers({ name: "a", namespace: "elsewhere" })).toBe(false);
});

/** A client whose connections go through a relay. */
async function throughRelay(body: (relay: Relay, client: KubeClient) => Promise<void>): Promise<void> {
  const relay = await Relay.to(plane.server);
  const client = new KubeClient({ ...plane.adminConnection(), server: relay.url });
  try {
    await body(relay, client);
  } finally {
    stop.abort();
    await client.close();
    relay.close();
  }
}
