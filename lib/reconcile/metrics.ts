import { Counter, Gauge, Histogram, type Registry } from "prom-client";

type Depth = readonly [reconciler: string, waiting: number, running: number];

const made = new WeakMap<Registry, ManagerMetrics>();

/** The metrics of a manager. A process that wins its lease again starts a new manager, which goes on counting in the same ones. */
export function metricsIn(registry: Registry, depths: () => Iterable<Depth>): ManagerMetrics {
  const metrics = made.get(registry) ?? new ManagerMetrics(registry);
  metrics.depths = depths;
  made.set(registry, metrics);
  return metrics;
}

export class ManagerMetrics {
  depths: () => Iterable<Depth> = () => [];
  readonly reconciles: Counter<"reconciler" | "outcome">;
  readonly duration: Histogram<"reconciler">;
  readonly writes: Counter<"reconciler" | "kind" | "outcome">;
  readonly watchRestarts: Counter<"kind">;
  readonly relists: Counter<"kind">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.reconciles = new Counter({
      name: "drover_reconciles_total",
      help: "Passes by outcome.",
      labelNames: ["reconciler", "outcome"],
      registers,
    });
    this.duration = new Histogram({
      name: "drover_reconcile_duration_seconds",
      help: "Duration of a pass.",
      labelNames: ["reconciler"],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30],
      registers,
    });
    this.writes = new Counter({
      name: "drover_writes_total",
      help: "Requests that write, by what came of them; noop: the server found nothing to change.",
      labelNames: ["reconciler", "kind", "outcome"],
      registers,
    });
    this.watchRestarts = new Counter({
      name: "drover_watch_restarts_total",
      help: "Watches begun again.",
      labelNames: ["kind"],
      registers,
    });
    this.relists = new Counter({ name: "drover_relists_total", help: "Lists after the first one.", labelNames: ["kind"], registers });
    const depth = new Gauge({
      name: "drover_queue_depth",
      help: "Keys that wait or are being worked on.",
      labelNames: ["reconciler", "state"],
      registers,
      collect: () => {
        for (const [reconciler, waiting, running] of this.depths()) {
          depth.set({ reconciler, state: "waiting" }, waiting);
          depth.set({ reconciler, state: "running" }, running);
        }
      },
    });
  }
}
