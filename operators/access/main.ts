// The access operator: what people wrote about access becomes what agents apply and proxies check. One of its processes leads.
import { Gauge } from "prom-client";
import { pause } from "../../lib/kube/backoff.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../../lib/kube/connection.ts";
import { serveHealth } from "../../lib/process/health.ts";
import { runProcess } from "../../lib/process/run.ts";
import { type RunningEngine, startReconcilers } from "../../lib/reconcile/engine.ts";
import { LeaderElection } from "../../lib/reconcile/leader.ts";
import { config as definition } from "./config.ts";
import { GuardWatch } from "./guard-watch.ts";
import { cacheOptions, reconcilersWith } from "./reconcilers.ts";

const NAME = "operator-access";
const GUARDS_MS = 3_000;

await runProcess(
  NAME,
  async ({ config, log, metrics, signal }) => {
    const connection = await connectionFromKubeconfig(config.kubeconfig);
    const client = new KubeClient(connection, { userAgent: `drover-${NAME}` });
    const election = new LeaderElection(client, { name: NAME, log, identity: config.identity ?? "", ...config.leaderElection });
    let engine: RunningEngine | undefined;
    let guards: GuardWatch | undefined;
    new Gauge({
      name: "drover_hub_guards_enforced",
      help: "1 while the hub's admission policies are known to be in force; otherwise nothing new is granted.",
      registers: [metrics],
      collect() {
        this.set(guards?.state.is === "Enforced" ? 1 : 0);
      },
    });
    // A process that waits to lead is ready: it is what takes over.
    const health = await serveHealth({ ...config.health, metrics, checks: { caches: () => engine?.check() ?? true } });
    log.info("listening", { url: `http://${config.health.host}:${health.port}` });
    try {
      await election.run(signal, async (term) => {
        const watch = new GuardWatch(connection, client, log);
        guards = watch;
        const watching = watch.run(term);
        // Otherwise whatever was written while nobody led would be held back first and granted a moment later. What is to end must not wait long.
        await Promise.race([watch.answered, pause(GUARDS_MS, term)]);
        engine = startReconcilers({
          client,
          reconcilers: reconcilersWith(() => watch.state),
          fence: election.fence,
          cacheOptions,
          log,
          metrics,
          signal: term,
        });
        await Promise.all([engine.done, watching]);
        engine = undefined;
        guards = undefined;
      });
    } finally {
      await health.close();
      await client.close();
    }
  },
  definition,
);
