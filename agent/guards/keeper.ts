// agent-guards
// Keeps the guard policies in this cluster as lib/guards says, at once after any change, and knows by probing whether they are
// in force. Until a probe was refused, and from the moment on in which a policy was touched, the agent grants nothing new.

import { MANAGED_BY } from "../../lib/access/names.ts";
import { managedClusterGuards } from "../../lib/guards/bundle.ts";
import { pause } from "../../lib/kube/backoff.ts";
import { Cache } from "../../lib/kube/cache.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { type Applied, Applier } from "../../lib/reconcile/applier.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { KnownLive } from "../access/live.ts";
import { hasForeignSpec } from "./foreign.ts";
import { type ProbeResult, probeGuards } from "./probe.ts";

export interface GuardReport extends ProbeResult {
  readonly probedAt: string | undefined;
}

export interface GuardKeeperOptions {
  readonly managed: KubeClient;
  /** A client that is ServiceAccount guard-probe. */
  readonly probe: KubeClient;
  readonly log: Log;
  /** Called when what is known about the guards changed. */
  readonly onChange: () => void;
  readonly onHealed: (count: number) => void;
}

const KEY = { name: "guards" };
const FIELD_MANAGER = "agent-guards";
const REPROBE_MS = 30_000;
/** A policy that was deleted and made anew can still refuse from the API server's memory: it has to refuse twice, this far apart. */
const CONFIRM_MS = 300;
const RETRY_MS = 100;
/** For so long a probe that cannot be made leaves the last answer standing. */
const TRUST_MS = 90_000;

export class GuardKeeper {
  readonly #options: GuardKeeperOptions;
  readonly #queue: Queue;
  readonly #policies: Cache<ValidatingAdmissionPolicy>;
  readonly #bindings: Cache<ValidatingAdmissionPolicyBinding>;
  readonly #applier: Applier;
  readonly #wanted = managedClusterGuards();
  /** Generation of each object when it was last as wanted, by kind and name. */
  readonly #intact = new Map<string, string>();
  #report: GuardReport = { state: "Unknown", message: "not tried yet", probedAt: undefined };
  #refusedAt: number | undefined;
  /** Grows with each change of a guard: an answer to a probe made before it says nothing. */
  #changes = 0;
  #stopped = false;

  constructor(options: GuardKeeperOptions) {
    this.#options = options;
    const { managed, log } = options;
    const labelSelector = Object.entries(MANAGED_BY)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    this.#policies = new Cache(managed, ValidatingAdmissionPolicy, { labelSelector, log });
    this.#bindings = new Cache(managed, ValidatingAdmissionPolicyBinding, { labelSelector, log });
    const live = new KnownLive(managed, (kind) => this.#cacheOf(kind));
    this.#applier = new Applier({ client: managed, fieldManager: FIELD_MANAGER, live });
    this.#queue = new Queue((_key, signal) => this.#keep(signal), {
      workers: 1,
      backoff: { baseMs: 100, capMs: 5_000 },
      onError: (_key, error) => this.#failed(error),
    });
  }

  /** Whether something new may be granted now. */
  get enforced(): boolean {
    return this.#report.state === "Enforced";
  }

  get report(): GuardReport {
    return this.#report;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const cache of [this.#policies, this.#bindings]) {
      cache.onChange((now, before) => this.#changed(now, before));
      cache.start(signal);
    }
    await Promise.all([this.#policies.synced, this.#bindings.synced]);
    this.#queue.add(KEY);
    await this.#queue.run(signal);
  }

  /** Nothing is healed any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes the guards away: the last thing before the agent itself goes. */
  async removeAll(signal: AbortSignal): Promise<void> {
    for (const object of [...this.#wanted].reverse()) await this.#applier.remove(kindOf(object), object.metadata, { signal });
  }

  #cacheOf<T extends KubeObject>(kind: Kind<T>): Cache<T> | undefined {
    return (kind.kind === ValidatingAdmissionPolicy.kind ? this.#policies : this.#bindings) as unknown as Cache<T>;
  }

  /** Anything but what we wrote ourselves withdraws the permission to grant in that very moment. Status changes do not count. */
  #changed(now: KubeObject | undefined, before: KubeObject | undefined): void {
    const object = now ?? before;
    if (object === undefined || !this.#wanted.some((wanted) => idOf(wanted) === idOf(object))) return;
    if (now !== undefined && this.#intact.get(idOf(now)) === versionOf(now)) return;
    this.#changes++;
    this.#set({ state: "Unknown", message: `${object.kind} ${object.metadata.name} was changed` });
    this.#refusedAt = undefined;
    this.#queue.add(KEY);
  }

  async #keep(signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    if (this.#stopped) return undefined;
    for (const wanted of this.#wanted) {
      const known = this.#intact.has(idOf(wanted));
      const { object, outcome } = await this.#applyWhole(wanted, signal);
      this.#intact.set(idOf(wanted), versionOf(object));
      if (outcome === "unchanged") continue;
      this.#set({ state: "Unknown", message: `${wanted.kind} ${wanted.metadata.name} was applied and is not in force yet` });
      this.#refusedAt = undefined;
      if (known) this.#options.onHealed(1);
    }
    return { requeueAfterMs: await this.#probe(signal) };
  }

  /** Applied, and nothing beside: what others added to it goes by making it anew. */
  async #applyWhole(wanted: KubeObject, signal: AbortSignal): Promise<Applied<KubeObject>> {
    const kind = kindOf(wanted);
    const applied = await this.#applier.apply(kind, wanted, { signal });
    if (!hasForeignSpec(applied.object, FIELD_MANAGER)) return applied;
    await this.#applier.remove(kind, wanted.metadata, { signal });
    const { object } = await this.#applier.apply(kind, wanted, { signal });
    return { object, outcome: "changed", corrected: true };
  }

  async #probe(signal: AbortSignal): Promise<number> {
    const changes = this.#changes;
    let result = await probeGuards(this.#options.probe, signal);
    if (result.state === "Enforced" && this.#refusedAt === undefined) {
      await pause(CONFIRM_MS, signal);
      result = await probeGuards(this.#options.probe, signal);
    }
    if (changes !== this.#changes) return 0;
    const now = performance.now();
    if (result.state === "Enforced") this.#refusedAt = now;
    else if (result.state === "Missing") this.#refusedAt = undefined;
    if (result.state === "Unknown" && this.#refusedAt !== undefined && now - this.#refusedAt < TRUST_MS) return REPROBE_MS / 10;
    this.#set(result, new Date().toISOString());
    return result.state === "Enforced" ? REPROBE_MS : RETRY_MS;
  }

  #failed(error: unknown): void {
    this.#set({ state: "Unknown", message: `the guards cannot be kept: ${describe(error)}`.slice(0, 1024) });
    this.#refusedAt = undefined;
    this.#options.log.warn("the guards cannot be kept", { error: describe(error) });
  }

  #set(result: ProbeResult, probedAt = this.#report.probedAt): void {
    const changed = result.state !== this.#report.state || result.message !== this.#report.message;
    this.#report = { ...result, probedAt };
    if (!changed) return;
    this.#options.log.info("guards", { state: result.state, detail: result.message });
    this.#options.onChange();
  }
}

const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
const versionOf = ({ metadata }: KubeObject): string => `${metadata.uid} ${metadata.generation} ${JSON.stringify(metadata.labels)}`;
const kindOf = (object: KubeObject): Kind<KubeObject> =>
  object.kind === ValidatingAdmissionPolicy.kind ? ValidatingAdmissionPolicy : ValidatingAdmissionPolicyBinding;
