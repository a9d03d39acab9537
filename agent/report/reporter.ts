// agent-report
// Tells the hub in the ClusterReport what the agent sees and did: soon after something changed, never more often than the hub can bear,
// and never longer than the report may be.
import { ClusterReport, type ReportStatus } from "../../crds/v1alpha1/clusterreport.ts";
import { isVersion } from "../../crds/v1alpha1/names.ts";
import { AGENT } from "../../lib/access/names.ts";
import { evaluateReport } from "../../lib/access/report-conditions.ts";
import { Cache } from "../../lib/kube/cache.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Node } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Condition } from "../../lib/kube/object.ts";
import { mergeConditions } from "../../lib/reconcile/conditions.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { observedGeneration } from "../../lib/reconcile/ready.ts";
import type { AccessReport } from "../access/loop.ts";
import type { GuardReport } from "../guards/loop.ts";
import { boundedAccess } from "./bounded.ts";

export interface ReporterOptions {
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  /** The cluster's namespace on the hub. */
  readonly namespace: string;
  readonly agentVersion: string;
  readonly guards: () => GuardReport;
  readonly access: () => AccessReport | undefined;
  readonly streams: () => { readonly open: number; readonly ended: number };
  readonly log: Log;
}

const KEY = { name: "report" };
/** Changes that come together are told together. */
const GATHER_MS = 200;
const LEAST_INTERVAL_MS = 2_000;
/** What changes all the time (counts of streams, times) is told this often. */
const ROUTINE_MS = 30_000;
const HEALTH_MS = 10_000;
/** Of a report: its spec has no field that could change. */
const GENERATION = 1;

export class Reporter {
  readonly #options: ReporterOptions;
  readonly #queue: Queue;
  readonly #nodes: Cache<Node>;
  #healthy: boolean | undefined;
  #version: string | undefined;
  #conditions: readonly Condition[] = [];
  #written: { readonly urgent: string; readonly all: string; readonly at: number } | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#nodes = new Cache(options.managed, Node, { transform: onlyReadiness, log: options.log });
    this.#queue = new Queue((_key, signal) => this.#write(signal), {
      workers: 1,
      backoff: { baseMs: 500, capMs: 30_000 },
      onError: (_key, error, failures) => {
        if (failures === 3) options.log.warn("cannot report to the hub", { error: describe(error) });
      },
    });
  }

  /** Something worth telling may have changed. */
  wake(): void {
    const since = this.#written === undefined ? LEAST_INTERVAL_MS : performance.now() - this.#written.at;
    this.#queue.addAfter(KEY, Math.max(GATHER_MS, LEAST_INTERVAL_MS - since));
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#nodes.onChange((now, before) => {
      if (isReady(now) !== isReady(before)) this.wake();
    });
    this.#nodes.start(signal);
    const timer = setInterval(() => void this.#checkHealth(signal), HEALTH_MS);
    await this.#checkHealth(signal);
    this.wake();
    await this.#queue.run(signal);
    clearInterval(timer);
  }

  /** The last word: throws unless the hub has heard it. */
  async tellTeardown(signal: AbortSignal): Promise<void> {
    await this.#patch({ teardown: "Done" }, signal);
  }

  async #checkHealth(signal: AbortSignal): Promise<void> {
    const { managed } = this.#options;
    const before = `${this.#healthy} ${this.#version}`;
    try {
      this.#healthy = String(await managed.request("GET", "/readyz", { signal })) === "ok";
      this.#version = ((await managed.request("GET", "/version", { signal })) as { gitVersion?: string }).gitVersion;
    } catch {
      this.#healthy = false;
    }
    if (`${this.#healthy} ${this.#version}` !== before) this.wake();
  }

  async #write(signal: AbortSignal): Promise<{ requeueAfterMs: number }> {
    const status = this.#status();
    const all = JSON.stringify(status);
    const urgent = JSON.stringify({ ...status, streams: undefined, guards: { ...status.guards, probedAt: undefined } });
    const before = this.#written;
    const due = before === undefined || performance.now() - before.at >= ROUTINE_MS;
    if (before === undefined || before.urgent !== urgent || (due && before.all !== all)) {
      await this.#patch(status, signal);
      this.#written = { urgent, all, at: performance.now() };
    }
    return { requeueAfterMs: ROUTINE_MS };
  }

  #status(): ReportStatus {
    const { agentVersion, guards, access, streams } = this.#options;
    const { state, message, probedAt } = guards();
    const done = access();
    const { open, ended } = streams();
    const found: ReportStatus = {
      agentVersion,
      ...(this.#version === undefined || !isVersion(this.#version) ? {} : { kubernetesVersion: this.#version }),
      ...(this.#healthy === undefined ? {} : { healthy: this.#healthy }),
      ...(this.#nodes.hasSynced ? { nodes: { total: this.#nodes.size, ready: this.#nodes.list().filter(isReady).length } } : {}),
      guards: { state, message, ...(probedAt === undefined ? {} : { probedAt }) },
      ...(done === undefined ? {} : { access: boundedAccess(done) }),
      streams: { open, ended },
    };
    this.#conditions = mergeConditions({
      ...{ existing: this.#conditions, intents: evaluateReport(found), generation: GENERATION, now: new Date(), done: true },
      ready: ClusterReport.ready,
    });
    return { ...found, ...observedGeneration(this.#conditions), conditions: this.#conditions };
  }

  async #patch(status: ReportStatus, signal: AbortSignal): Promise<void> {
    const { hub, namespace } = this.#options;
    await hub.patch(ClusterReport, { namespace, name: AGENT }, { status }, { type: "merge", subresource: "status", signal });
  }
}

const isReady = (node: Node | undefined): boolean =>
  node?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;

function onlyReadiness({ apiVersion, kind, metadata: { name, uid, resourceVersion }, status }: Node): Node {
  const conditions = (status?.conditions ?? []).filter(({ type }) => type === "Ready");
  return {
    apiVersion,
    kind,
    metadata: { name, ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    status: { conditions },
  };
}
