// An agent's caches of the hub over connections that fall silent or break, against a real API server.
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { Cache } from "../../lib/kube/cache.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { ConfigMap } from "../../lib/kube/core.ts";
import type { Log } from "../../lib/kube/log.ts";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { Relay } from "../../test/relay.ts";
import { until } from "../../test/until.ts";
import { HubTransport } from "./transport.ts";

jest.setTimeout(120_000);

const namespace = "kube-public";
let plane: TestControlPlane;
let admin: KubeClient;
let relays: Relay[] = [];
let stop: AbortController;

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});
afterEach(() => {
  stop.abort();
  for (const relay of relays) relay.close();
  relays = [];
});

const configMap = (value: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "a", namespace },
  data: { value },
});
const write = (value: string): Promise<ConfigMap> => admin.apply(ConfigMap, configMap(value), { fieldManager: "test" });

/** A cache of the hub through so many proxies, and all that went wrong with it. */
async function started(proxies: number, inactivityMs: number) {
  stop = new AbortController();
  relays = await Promise.all(Array.from({ length: proxies }, () => Relay.to(plane.server)));
  const hub = new KubeClient(new HubTransport(relays.map(({ url }) => ({ ...plane.adminConnection(), server: url }))));
  const errors: string[] = [];
  const note = (_: string, fields?: object): void => void errors.push(JSON.stringify(fields));
  const log: Log = { debug: note, info() {}, warn: note, error: note };
  const cache = new Cache(hub, ConfigMap, { namespace, name: "a", inactivityMs, backoff: { baseMs: 50, capMs: 500 }, log });
  cache.start(stop.signal);
  await cache.synced;
  stop.signal.addEventListener("abort", () => void hub.close());
  return { errors, value: () => cache.get({ name: "a", namespace })?.data?.value };
}

test("a silent watch of the hub recovers by new connections, and no request is lost on the old ones", async () => {
  await write("1");
  const { errors, value } = await started(1, 1_000);
  await write("2");
  await until(() => value() === "2", "the watch is there");
  relays[0]?.silence();
  await write("3");
  await until(() => value() === "3", "the change behind the silence", 60_000);
  expect(errors.filter((error) => !error.includes("the watch was silent"))).toEqual([]);
});

test("a proxy that is gone is left for the next one", async () => {
  await write("1");
  const { value } = await started(2, 60_000);
  relays[0]?.cut();
  await write("2");
  await until(() => value() === "2", "the change through the other proxy");
  relays[0]?.open();
  relays[1]?.cut();
  await write("3");
  await until(() => value() === "3", "the change through the first proxy again");
});
