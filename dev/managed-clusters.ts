// Turns a cluster into a managed cluster as its owner would: applies what `kubectl drover import` prints, and runs the agent on the
// ServiceAccount and the settings of that manifest, only outside the cluster.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { droverSpec, HUB } from "./environment.ts";
import { accountKubeconfig, SYSTEM, writeConfig } from "./hub.ts";
import { adminDrover, adminKubectl, type Run, readHub } from "./planes.ts";

const READY_LIMIT_MS = 120_000;
const GRACE_MS = 5000;

/** Applies in the cluster what `kubectl drover import` prints, and keeps the registration token as the agent's pod would find it. */
const applyManifest = async ({ environment, signal }: Run, cluster: string, tokenFile: string): Promise<void> => {
  const kubectl = adminKubectl(environment, cluster, signal);
  const manifest = await adminDrover(environment, ["import", cluster], signal);
  await kubectl.run(["apply", "-f", "-"], manifest);
  const token = await kubectl.run(["get", "secret", "agent-registration", "-n", SYSTEM, "-o", "jsonpath={.data.token}"]);
  await writeFile(tokenFile, Buffer.from(token, "base64"), { mode: 0o600 });
};

/** Writes the settings of the manifest, with paths in place of what a pod has mounted. True when they differ from the file that was there. */
const writeSettings = async ({ environment, signal }: Run, cluster: string, directory: string, tokenFile: string): Promise<boolean> => {
  const kubectl = adminKubectl(environment, cluster, signal);
  const { data } = JSON.parse(await kubectl.run(["get", "configmap", "agent-config", "-n", SYSTEM, "-o", "json"])) as {
    data: { "agent.json": string; "ca.crt": string };
  };
  const caFile = join(directory, "ca.crt");
  await writeFile(caFile, data["ca.crt"]);
  return writeConfig(directory, {
    ...(JSON.parse(data["agent.json"]) as object),
    proxyURLs: environment.proxyUrls,
    kubeconfig: join(directory, "kubeconfig"),
    caFile,
    ...(cluster === HUB ? { hubURL: environment.plane(HUB).server, hubCAFile: caFile } : {}),
    registrationTokenFile: tokenFile,
    health: { host: "127.0.0.1", port: environment.port(`agent-health:${cluster}`) },
  });
};

/** Registers the cluster unless that is done, and starts its agent. A Cluster that was deleted is created and registered again. */
export const registerCluster = async (run: Run, cluster: string): Promise<void> => {
  const { environment } = run;
  const name = `agent:${cluster}`;
  const directory = environment.path("run", `agent-${cluster}`);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const tokenFile = join(directory, "registration-token");
  const isRegistered = name in environment.contents.units && (await hasCluster(run, cluster));
  if (!isRegistered) await applyManifest(run, cluster, tokenFile);
  const isNew = await writeSettings(run, cluster, directory, tokenFile);
  if (isRegistered && !isNew && environment.isRunning(name)) return;
  await environment.stopIfRunning(name);
  await accountKubeconfig(run, cluster, "agent", directory);
  // The agent answers once it has its key. Whether it is connected is a condition of the Cluster.
  const ready = { url: `http://127.0.0.1:${environment.port(`agent-health:${cluster}`)}/healthz` };
  environment.define(name, { spec: droverSpec("agent", directory), ready, graceMs: GRACE_MS });
  await environment.start(name, run);
};

interface ClusterStatus {
  metadata: { name: string };
  status?: { conditions?: { type: string; status: string; reason: string; message: string }[] };
}

const listClusters = async ({ environment }: Run): Promise<readonly ClusterStatus[]> =>
  (await readHub<{ items: readonly ClusterStatus[] }>(environment, "/apis/drover.dev/v1alpha1/clusters"))?.items ?? [];

const hasCluster = async (run: Run, cluster: string): Promise<boolean> =>
  (await listClusters(run)).some(({ metadata }) => metadata.name === cluster);

/** Waits until each of these Clusters, and the hub's own, has the condition Ready. */
export const waitForClusters = async (run: Run, clusters: readonly string[]): Promise<void> => {
  const { signal } = run;
  const until = performance.now() + READY_LIMIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const items = await listClusters(run);
    const waiting = [HUB, ...clusters].flatMap((name) => {
      const conditions = items.find(({ metadata }) => metadata.name === name)?.status?.conditions ?? [];
      const ready = conditions.find(({ type }) => type === "Ready");
      return ready?.status === "True" ? [] : [`${name}: ${ready ? `${ready.reason}: ${ready.message}` : "no condition Ready yet"}`];
    });
    if (waiting.length === 0) return;
    if (performance.now() > until) throw new Error(`not Ready after ${READY_LIMIT_MS / 1000} s: ${waiting.join("; ")}`);
    await sleep(150, undefined, { signal });
  }
};
