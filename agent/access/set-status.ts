// Tells the hub about each AccessSet.
import { AccessSet, Applied } from "../../crds/v1alpha1/accessset.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { isNotFound } from "../../lib/kube/client.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import { mergeConditions } from "../../lib/reconcile/conditions.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { observedGeneration } from "../../lib/reconcile/ready.ts";
import type { Verdict } from "./verdict.ts";

export interface SetStatusOptions {
  readonly hub: KubeClient;
  /** The set as the hub has it now. */
  readonly find: (name: string) => AccessSet | undefined;
  readonly namespace: string;
  readonly log: Log;
}

/** Writes verdicts to the hub in the background; what is there already is not written again. */
export class SetStatusWriter {
  readonly #options: SetStatusOptions;
  readonly #queue: Queue;
  readonly #verdicts = new Map<string, Verdict>();

  constructor(options: SetStatusOptions) {
    this.#options = options;
    this.#queue = new Queue(({ name }, signal) => this.#write(name, signal), {
      workers: 4,
      backoff: { baseMs: 250, capMs: 30_000 },
      onError: ({ name }, error, failures) => {
        if (failures === 3) options.log.warn("cannot write the status of a set", { set: name, error: describe(error) });
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  set(name: string, next: Verdict): void {
    const before = this.#verdicts.get(name);
    this.#verdicts.set(name, next);
    const same =
      before?.epoch === next.epoch &&
      before?.knownEpoch === next.knownEpoch &&
      before?.condition.reason === next.condition.reason &&
      before?.condition.message === next.condition.message;
    if (!same) this.#queue.add({ name });
  }

  /** Sets that are gone need no verdict. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.#verdicts.keys()) if (!names.has(name)) this.#verdicts.delete(name);
  }

  async #write(name: string, signal: AbortSignal): Promise<undefined> {
    const wanted = this.#verdicts.get(name);
    const set = this.#options.find(name);
    if (wanted === undefined || set === undefined) return;
    const now = new Date();
    const conditions = mergeConditions({
      existing: set.status?.conditions ?? [],
      intents: [wanted.condition],
      generation: set.metadata.generation,
      now,
      done: wanted.condition.status === "True",
      ready: AccessSet.ready,
    });
    const isNew = wanted.epoch !== undefined && wanted.epoch !== set.status?.epoch;
    const isSeen = wanted.knownEpoch !== undefined && wanted.knownEpoch !== set.status?.knownEpoch;
    const [before] = (set.status?.conditions ?? []).filter(({ type }) => type === Applied.type);
    const [after] = conditions.filter(({ type }) => type === Applied.type);
    if (
      !isNew &&
      !isSeen &&
      before?.reason === after?.reason &&
      before?.message === after?.message &&
      before?.observedGeneration === after?.observedGeneration
    )
      return;
    const status = {
      ...(isNew ? { epoch: wanted.epoch, appliedAt: now.toISOString() } : {}),
      ...(isSeen ? { knownEpoch: wanted.knownEpoch } : {}),
      ...observedGeneration(conditions),
      conditions,
    };
    try {
      await this.#options.hub.patch(
        AccessSet,
        { namespace: this.#options.namespace, name },
        { status },
        { type: "merge", subresource: "status", signal },
      );
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
