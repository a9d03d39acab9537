// The clusters operator: namespaces of clusters and projects, registration and rights of agents, what a Cluster's status says.
// Several may run, one works.
import { readFile } from "node:fs/promises";
import { KubeClient } from "../../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../../lib/kube/connection.ts";
import { serveHealth } from "../../lib/process/health.ts";
import { type Process, runProcess } from "../../lib/process/run.ts";
import { type RunningEngine, startReconcilers } from "../../lib/reconcile/engine.ts";
import { LeaderElection } from "../../lib/reconcile/leader.ts";
import { type ClustersConfig, clustersConfig } from "./config.ts";
import { cacheOptions, effectsWith, reconcilersWith, type Settings } from "./reconcilers.ts";

const NAME = "operator-clusters";

await runProcess(NAME, main, clustersConfig);

async function main({ config, log, metrics, signal }: Process<ClustersConfig>): Promise<void> {
  const settings = await settingsOf(config);
  const client = new KubeClient(await connectionFromKubeconfig(config.kubeconfig), { userAgent: `drover-${NAME}` });
  const election = new LeaderElection(client, { ...config.leaderElection, name: NAME, identity: config.identity ?? "", log });
  let engine: RunningEngine | undefined;
  // One that waits for its turn is ready: it would begin at once.
  const health = await serveHealth({ ...config.health, metrics, checks: { caches: () => engine?.check() ?? true } });
  log.info("listening", { url: `http://${config.health.host}:${health.port}` });
  await election.run(signal, async (term) => {
    const reconcilers = reconcilersWith(settings);
    const effects = effectsWith(settings);
    engine = startReconcilers({ client, reconcilers, effects, fence: election.fence, log, metrics, signal: term, cacheOptions });
    await engine.done;
    engine = undefined;
  });
  await health.close();
  await client.close();
}

async function settingsOf(config: ClustersConfig): Promise<Settings> {
  const { authURL, proxyURLs, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds } = config;
  const caPEM = await readFile(config.caFile, "utf8");
  return { authURL, proxyURLs, caPEM, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds };
}
