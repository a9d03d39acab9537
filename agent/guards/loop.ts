// agent-guards
// Keeps the guard policies in this cluster as lib/guards says: corrects them at once after any change, and knows by lib/guards/monitor.ts
// whether they are in force. The agent grants nothing new while they are not, because people could take hold of it past Drover.
// It assumes that nobody else writes these policies; what others add to one is taken out by making it anew.
import { MANAGED_CLUSTER_GUARDS } from "../../lib/guards/bundle.ts";
import type { GuardStatus } from "../../lib/guards/enforcement.ts";
import { GuardMonitor } from "../../lib/guards/monitor.ts";
import { Cache } from "../../lib/kube/cache.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import { type Kind, type KubeObject, keyOf } from "../../lib/kube/object.ts";
import { Applier } from "../../lib/reconcile/applier.ts";
import { Live } from "../../lib/reconcile/live.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { Shared, type Trigger } from "../../lib/reconcile/shared.ts";
import { plan } from "./plan.ts";

export interface GuardReport extends GuardStatus {
  readonly probedAt: string | undefined;
}

export interface GuardLoopOptions {
  readonly managed: KubeClient;
  /** A client that is ServiceAccount guard-probe. */
  readonly probe: KubeClient;
  readonly log: Log;
  /** Called after policies that had drifted were corrected. */
  readonly onCorrected: (count: number) => void;
}

const KEY = { name: "guards" };
const FIELD_MANAGER = "agent-guards";
const KINDS: readonly Kind<KubeObject>[] = [ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding];
const WANTED = MANAGED_CLUSTER_GUARDS.objects;

/** Announces a change of state or message as a trigger. */
export class GuardLoop implements Trigger {
  readonly #options: GuardLoopOptions;
  readonly #queue: Queue;
  readonly #caches: readonly Cache<KubeObject>[];
  readonly #live: Live;
  readonly #applier: Applier;
  readonly #monitor: GuardMonitor;
  /** State and message, as they were announced last. */
  readonly #said = new Shared("");
  #failure = "";
  #stopped = false;

  constructor(options: GuardLoopOptions) {
    this.#options = options;
    const { managed, probe, log } = options;
    this.#caches = KINDS.map((kind) => new Cache<KubeObject>(managed, kind, { log }));
    this.#live = new Live(managed, (kind) => this.#caches[KINDS.indexOf(kind)] as never);
    this.#applier = new Applier({ client: managed, fieldManager: FIELD_MANAGER, live: this.#live });
    this.#monitor = new GuardMonitor({
      bundle: MANAGED_CLUSTER_GUARDS,
      policies: () => (this.#caches.every(({ hasSynced }) => hasSynced) ? this.#policies() : undefined),
      probe,
      log,
      onChange: () => this.#announce(),
    });
    this.#queue = new Queue((_key, signal) => this.#correct(signal), {
      workers: 1,
      backoff: { baseMs: 100, capMs: 5_000 },
      onError: (_key, error) => this.#failed(describe(error)),
    });
  }

  /** Whether something new may be granted now. */
  get enforced(): boolean {
    return this.#monitor.status.state === "Enforced";
  }

  get report(): GuardReport {
    const { status, probedAt } = this.#monitor;
    const failure = status.state === "Enforced" ? "" : this.#failure;
    return { state: status.state, message: `${status.message}${failure}`.slice(0, 1024), probedAt: probedAt?.toISOString() };
  }

  onChange(listener: () => void): () => void {
    return this.#said.onChange(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const cache of this.#caches) {
      cache.onChange(() => this.#changed());
      cache.synced.then(() => this.#changed()).catch(() => {});
      cache.start(signal);
    }
    await Promise.all([this.#queue.run(signal), this.#monitor.run(signal)]);
  }

  /** Nothing is corrected any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes the guards away: the last thing before the agent itself goes. */
  async removeAll(signal: AbortSignal): Promise<void> {
    for (const object of [...WANTED].reverse()) await this.#applier.remove(kindOf(object), object.metadata, { signal });
  }

  #policies(): readonly KubeObject[] {
    return WANTED.flatMap((wanted) => this.#live.peek(kindOf(wanted), keyOf(wanted)) ?? []);
  }

  #changed(): void {
    this.#monitor.observe();
    if (this.#caches.every(({ hasSynced }) => hasSynced)) this.#queue.add(KEY);
  }

  async #correct(signal: AbortSignal): Promise<undefined> {
    if (this.#stopped) return;
    const { remove, apply } = plan(WANTED, this.#policies(), FIELD_MANAGER);
    let corrected = 0;
    for (const object of remove) {
      const { outcome } = await this.#applier.remove(kindOf(object), object.metadata, { signal });
      if (outcome === "changed") corrected++;
    }
    for (const object of apply) {
      const applied = await this.#applier.apply(kindOf(object), object, { signal });
      if (applied.corrected) corrected++;
    }
    this.#failure = "";
    this.#monitor.observe();
    if (corrected > 0) this.#options.onCorrected(corrected);
  }

  #failed(error: string): void {
    this.#failure = `; it cannot be corrected: ${error}`;
    this.#options.log.warn("cannot correct the guards", { error });
    this.#announce();
  }

  #announce(): void {
    const { state, message } = this.report;
    this.#said.set(`${state} ${message}`);
  }
}

const kindOf = (object: KubeObject): Kind<KubeObject> =>
  object.kind === ValidatingAdmissionPolicy.kind ? ValidatingAdmissionPolicy : ValidatingAdmissionPolicyBinding;
