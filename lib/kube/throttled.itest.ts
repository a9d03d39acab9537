// The client against a real API server that handles one request at a time and refuses further ones with 429 and Retry-After.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { until } from "../../test/until.ts";
import { Cache } from "./cache.ts";
import { ApiError, KubeClient, TimeoutError } from "./client.ts";
import { ClusterRoleBinding, ConfigMap, Namespace } from "./core.ts";

// Generous: it usually takes milliseconds, but a busy machine may be slow.
jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
let client: KubeClient;
const namespace = "throttled";

beforeAll(async () => {
  const apiserverArgs = ["--enable-priority-and-fairness=false", "--max-requests-inflight=1", "--max-mutating-requests-inflight=1"];
  plane = await startControlPlane({ apiserverArgs });
  admin = new KubeClient(plane.adminConnection());
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
  // The group system:masters is never refused; a cluster-admin by binding is.
  await admin.create(ClusterRoleBinding, {
    apiVersion: ClusterRoleBinding.apiVersion,
    kind: ClusterRoleBinding.kind,
    metadata: { name: "throttled" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "User", name: "busy", apiGroup: "rbac.authorization.k8s.io" }],
  });
  client = new KubeClient({ server: plane.server, ca: plane.ca, ...plane.clientCertificate("busy") });
  await until(() => client.list(ConfigMap, { namespace }).then(() => true), "the binding works");
}, 900_000);
afterAll(async () => {
  await client?.close();
  await admin?.close();
  await plane?.stop();
});

/** How many requests of that kind the API server refused with 429. */
const refused = (verb: string): number =>
  readFileSync(plane.auditLog, "utf8")
    .split("\n")
    .filter((line) => line.includes('"code":429') && line.includes(`"verb":"${verb}"`) && line.includes('"username":"busy"')).length;

const configMap = (name: string): ConfigMap => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } });

test("writes that are refused with 429 are retried after Retry-After, and all succeed", async () => {
  const began = performance.now();
  let waves = 0;
  // On a busy machine the requests of a wave come one after the other, and none is refused.
  await until(async () => {
    const wave = waves++;
    await Promise.all(Array.from({ length: 40 }, (_, index) => client.create(ConfigMap, configMap(`c${wave}-${index}`))));
    return refused("create") > 0;
  }, "some requests are refused");
  const { items } = await client.list(ConfigMap, { namespace });
  expect(items.filter(({ metadata }) => metadata.name.startsWith("c"))).toHaveLength(40 * waves);
  const refusals = refused("create");
  expect(performance.now() - began).toBeGreaterThan(1_000);
  // Far fewer refusals than immediate retries would collect in these seconds.
  expect(refusals).toBeLessThan(400 * waves);
});

test("a refusal is thrown with its Retry-After when the time limit is too short to wait for it", async () => {
  const hasty = new KubeClient({ server: plane.server, ca: plane.ca, ...plane.clientCertificate("busy") }, { timeoutMs: 900 });
  const wave = () => Promise.allSettled(Array.from({ length: 60 }, () => hasty.list(ConfigMap, { namespace })));
  // On a busy machine, opening connections may take longer than the limit; a later wave of requests uses the open ones.
  let results: PromiseSettledResult<unknown>[] = [];
  const isLate = (result: PromiseSettledResult<unknown>): boolean => result.status === "rejected" && result.reason instanceof TimeoutError;
  await until(async () => {
    results = await wave();
    return !results.some(isLate);
  }, "no request waits for longer than it may");
  const errors = results.flatMap((result) => (result.status === "rejected" ? [result.reason as ApiError] : []));
  expect(errors.length).toBeGreaterThan(0);
  for (const error of errors) {
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 429, retryAfterSeconds: 1 });
  }
  await hasty.close();
});

test("many caches that start at once on such a server all become complete, and follow changes", async () => {
  const stop = new AbortController();
  const caches = Array.from({ length: 12 }, () => new Cache(client, ConfigMap, { namespace }));
  for (const cache of caches) cache.start(stop.signal);
  await Promise.all(caches.map((cache) => cache.synced));
  await admin.create(ConfigMap, configMap("last"));
  for (const cache of caches) await until(() => cache.get({ name: "last", namespace }) !== undefined, "the cache follows");
  stop.abort();
});
