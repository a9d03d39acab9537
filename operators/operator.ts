// The frame of every operator: a leader-elected process around a manager of reconcilers. Several may run, one works.
import { type ComponentName, userAgent } from "../lib/components/components.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { type Connection, connectionFromKubeconfig } from "../lib/kube/connection.ts";
import type { ConfigDefinition } from "../lib/process/config.ts";
import { serveHealth } from "../lib/process/health.ts";
import type { OperatorConfig } from "../lib/process/operator-config.ts";
import { type Process, runProcess } from "../lib/process/run.ts";
import { LeaderElection } from "../lib/reconcile/leader.ts";
import { type ManagerOptions, type RunningManager, startReconcilers } from "../lib/reconcile/manager.ts";

/** The time during which this process leads. */
export interface Term {
  readonly client: KubeClient;
  readonly connection: Connection;
  /** Aborts when it ends. */
  readonly signal: AbortSignal;
  /** Enqueues every subject; see RunningManager. */
  readonly enqueueAll: () => void;
}

export interface Work extends Pick<ManagerOptions, "reconcilers" | "effects" | "cacheOptions"> {
  /** What goes on beside the reconcilers; to end with the term. */
  readonly beside?: Promise<void>;
}

/** `prepare` is called once, what it returns at the beginning of each term. */
export function runOperator<T extends OperatorConfig>(
  name: ComponentName,
  definition: ConfigDefinition<T>,
  prepare: (process: Process<T>) => Promise<(term: Term) => Promise<Work>>,
): Promise<never> {
  return runProcess(
    name,
    async (process) => {
      const { config, log, metrics, signal } = process;
      const begin = await prepare(process);
      const connection = await connectionFromKubeconfig(config.kubeconfig);
      const client = new KubeClient(connection, { userAgent: userAgent(name) });
      const election = new LeaderElection(client, { ...config.leaderElection, name, identity: config.identity ?? "", log });
      let manager: RunningManager | undefined;
      // A process that waits to lead is ready: it is what takes over.
      const health = await serveHealth({ ...config.health, metrics, checks: { caches: () => manager?.check() ?? true } });
      log.info("listening", { url: `http://${config.health.host}:${health.port}` });
      try {
        await election.run(signal, async (term) => {
          const { beside, ...work } = await begin({ client, connection, signal: term, enqueueAll: () => manager?.enqueueAll() });
          manager = startReconcilers({ source: client, fence: election.fence, log, metrics, signal: term, ...work });
          await Promise.all([manager.done, beside]);
          manager = undefined;
        });
      } finally {
        await health.close();
        await client.close();
      }
    },
    definition,
  );
}
