// Whether the hub's guards are in force, and when they were not. The access operator grants nothing while they are not (lib/guards/monitor.ts
// finds out), and before they count as in force it is on record when they were away (guard-history.ts). deploy/ applies them; the operator
// only reads them, since a process that may write policies may also remove them.
import { type Gap, NO_HISTORY } from "../../lib/access/guard-history.ts";
import { GUARD_HISTORY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { GUARD_PROBE } from "../../lib/components/components.ts";
import { HUB_GUARDS } from "../../lib/guards/bundle.ts";
import type { GuardStatus } from "../../lib/guards/enforcement.ts";
import { GuardMonitor } from "../../lib/guards/monitor.ts";
import { probeClient } from "../../lib/guards/probe.ts";
import { Cache } from "../../lib/kube/cache.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Connection } from "../../lib/kube/connection.ts";
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { GuardHistoryStore } from "./guard-history.ts";

export interface HubGuardStatus extends GuardStatus {
  /** When they were not in force, as far as it is on record. */
  readonly gaps: readonly Gap[];
}

/** What the process needs besides what its reconcilers declare. */
export const guardPermissions: {
  readonly cluster: readonly PolicyRule[];
  readonly namespaced: Readonly<Record<string, readonly PolicyRule[]>>;
} = {
  cluster: [
    {
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
      verbs: ["get", "list", "watch"],
    },
  ],
  namespaced: {
    [SYSTEM_NAMESPACE]: [
      { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [GUARD_PROBE], verbs: ["create"] },
      { apiGroups: [""], resources: ["configmaps"], resourceNames: [GUARD_HISTORY], verbs: ["get", "patch"] },
    ],
  },
};

const RECORD = { name: GUARD_HISTORY };
const BACKOFF = { baseMs: 250, capMs: 5_000 };

export interface HubGuardsOptions {
  readonly connection: Connection;
  readonly client: KubeClient;
  readonly log: Log;
  /** Called when the state or the gaps changed: grants may wait, and what was written in a gap may be granted already. */
  readonly onChange: () => void;
}

export class HubGuards {
  readonly #options: HubGuardsOptions;
  readonly #caches: readonly Cache<KubeObject>[];
  readonly #probe: KubeClient;
  readonly #monitor: GuardMonitor;
  readonly #history: GuardHistoryStore;
  readonly #queue: Queue;
  readonly #known = Promise.withResolvers<void>();
  #notRecorded = "it is not on record yet that the guards are in force";
  #reported: Pick<HubGuardStatus, "state" | "gaps"> = { state: "Unknown", gaps: NO_HISTORY.gaps };

  constructor(options: HubGuardsOptions) {
    this.#options = options;
    const { connection, client, log } = options;
    this.#caches = [ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding].map(
      (kind) => new Cache<KubeObject>(client, kind, { log }),
    );
    this.#probe = probeClient(connection, client);
    this.#history = new GuardHistoryStore(client);
    this.#queue = new Queue((_key, signal) => this.#record(signal), {
      workers: 1,
      backoff: BACKOFF,
      onError: (_key, error) => this.#recordFailed(error),
    });
    this.#monitor = new GuardMonitor({
      bundle: HUB_GUARDS,
      policies: () => (this.#caches.every(({ hasSynced }) => hasSynced) ? this.#caches.flatMap((cache) => cache.list()) : undefined),
      probe: this.#probe,
      log,
      onChange: ({ state }) => {
        if (state === "Missing") this.#history.markMissing();
        this.#queue.add(RECORD);
        this.#report();
      },
      onConfirmed: () => this.#queue.add(RECORD),
    });
  }

  /** Resolves when it is known for the first time whether they are in force. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  /** As of this moment. */
  get status(): HubGuardStatus {
    const { status, fingerprint } = this.#monitor;
    const { gaps } = this.#history;
    if (status.state !== "Enforced" || (fingerprint !== undefined && this.#history.isRecorded(fingerprint))) return { ...status, gaps };
    return { state: "Unknown", message: `ConfigMap ${GUARD_HISTORY}: ${this.#notRecorded}`, gaps };
  }

  /** Watches, probes and keeps the record until the signal aborts. Once. */
  async run(signal: AbortSignal): Promise<void> {
    for (const cache of this.#caches) {
      cache.onChange(() => this.#monitor.observe());
      cache.synced.then(() => this.#monitor.observe()).catch(() => {});
      cache.start(signal);
    }
    this.#queue.add(RECORD);
    await Promise.all([this.#monitor.run(signal), this.#queue.run(signal)]);
    await this.#probe.close();
  }

  /** Before anything is granted it is on record when the guards were not in force; before they are back, that they are not. */
  async #record(signal: AbortSignal): Promise<undefined> {
    const { status, fingerprint } = this.#monitor;
    const isCurrent = (): boolean => this.#monitor.status.state === "Enforced" && this.#monitor.fingerprint === fingerprint;
    if (status.state === "Enforced" && fingerprint !== undefined) await this.#history.recordInForce(fingerprint, isCurrent, signal);
    else if (status.state === "Missing") await this.#history.recordMissing(signal);
    else await this.#history.load(signal);
    this.#report();
  }

  #recordFailed(error: unknown): void {
    const reason = describe(error);
    if (reason !== this.#notRecorded) this.#options.log.warn("cannot keep the record of the hub's guards", { error: reason });
    this.#notRecorded = reason;
    this.#report();
  }

  #report(): void {
    const { state, gaps } = this.status;
    if (state !== "Unknown" && this.#history.isLoaded) this.#known.resolve();
    if (state === this.#reported.state && gaps === this.#reported.gaps) return;
    this.#reported = { state, gaps };
    this.#options.onChange();
  }
}
