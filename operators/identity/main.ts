// The identity operator: accounts, providers, the end of tokens. Several may run, one works.
import { KubeClient } from "../../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../../lib/kube/connection.ts";
import { serveHealth } from "../../lib/process/health.ts";
import { type Process, runProcess } from "../../lib/process/run.ts";
import { type RunningEngine, startReconcilers } from "../../lib/reconcile/engine.ts";
import { LeaderElection } from "../../lib/reconcile/leader.ts";
import { type IdentityConfig, identityConfig } from "./config.ts";
import { cacheOptions, effects, reconcilers } from "./reconcilers.ts";

const NAME = "operator-identity";

await runProcess(NAME, main, identityConfig);

async function main({ config, log, metrics, signal }: Process<IdentityConfig>): Promise<void> {
  const client = new KubeClient(await connectionFromKubeconfig(config.kubeconfig), { userAgent: `drover-${NAME}` });
  const election = new LeaderElection(client, {
    ...config.leaderElection,
    name: NAME,
    ...(config.identity === undefined ? {} : { identity: config.identity }),
    log,
  });
  let engine: RunningEngine | undefined;
  const health = await serveHealth({
    ...config.health,
    metrics,
    // One that waits for its turn is ready: it would begin at once.
    checks: { caches: () => engine?.check() ?? true },
  });
  log.info("listening", { url: `http://${config.health.host}:${health.port}` });
  await election.run(signal, async (term) => {
    engine = startReconcilers({ client, reconcilers, effects, fence: election.fence, log, metrics, signal: term, cacheOptions });
    await engine.done;
    engine = undefined;
  });
  await health.close();
  await client.close();
}
