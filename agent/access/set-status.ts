// What is told the hub about each AccessSet: which epoch is in effect, and what stands against it.
import { AccessSet, Applied } from "../../crds/v1alpha1/accessset.ts";
import { lastEpoch } from "../../lib/access/lineage.ts";
import { projectBinding, templateRole } from "../../lib/access/names.ts";
import { createNamespacesRole } from "../../lib/access/render.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { isNotFound } from "../../lib/kube/client.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import { mergeConditions } from "../../lib/reconcile/conditions.ts";
import type { ConditionIntent } from "../../lib/reconcile/contract.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { type SeenSet, setObject } from "./known.ts";
import type { Taken } from "./takeover.ts";

const ACCEPT = "see `kubectl drover hub accept-restore`";

export interface Verdict {
  /** The epoch that is in effect; undefined: none yet, or not wholly. */
  readonly epoch: number | undefined;
  /** The epoch that is gone by, whether or not it could be applied; undefined while the set is not taken over. */
  readonly knownEpoch: number | undefined;
  readonly condition: ConditionIntent;
}

export interface PassResult {
  /** Kind and name of what is not taken over, because the hub was restored. */
  readonly restored: ReadonlySet<string>;
  readonly refused: readonly { readonly object: string; readonly message: string }[];
  /** Objects held back because the guards are not in force. */
  readonly held: number;
  readonly failed: boolean;
}

/** Pure. */
export function verdict(set: Taken<SeenSet>, pass: PassResult): Verdict {
  const say = (status: "True" | "False", reason: Exclude<keyof typeof Applied, "type">, message: string): ConditionIntent => ({
    type: Applied.type,
    status,
    reason,
    message,
  });
  const epoch = lastEpoch(set);
  if (pass.restored.has(setObject(set.name))) {
    const head = set.held === undefined ? "nothing is changed" : `what is withdrawn until epoch ${lastEpoch(set.held.head)} is withdrawn`;
    const message = `the set does not go on from epoch ${epoch}, which is known here: ${head}, and nothing is granted; ${ACCEPT}`;
    return { epoch: undefined, knownEpoch: undefined, condition: say("False", "HubRestored", message) };
  }
  const seen = { epoch: undefined, knownEpoch: epoch };
  if (pass.held > 0)
    return { ...seen, condition: say("False", "GuardsNotEnforced", "the guards are not in force: nothing new is granted") };
  if (pass.failed) return { ...seen, condition: say("False", "Applying", "some requests failed and are repeated") };
  const refused = pass.refused.filter(({ object }) => concerns(set, object));
  const [first] = refused;
  if (first === undefined) return { epoch, knownEpoch: epoch, condition: say("True", "Applied", "") };
  const more = refused.length > 1 ? ` (and ${refused.length - 1} more)` : "";
  return { epoch, knownEpoch: epoch, condition: say("False", "PartlyRefused", `${first.object}: ${first.message}${more}`.slice(0, 1024)) };
}

/** Whether an object that was refused is one that the set asks for. */
function concerns(set: SeenSet, object: string): boolean {
  if (object === setObject(set.name)) return true;
  const name = object.slice(Math.max(object.lastIndexOf("/"), object.indexOf(" ")) + 1);
  const project = set.project?.name;
  const names = set.bindings.flatMap(({ template }) =>
    project === undefined
      ? [templateRole(template)]
      : [templateRole(template), projectBinding(project, template), createNamespacesRole(project)],
  );
  return names.some((wanted) => name === wanted || name.startsWith(`${wanted}:`));
}

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
    });
    const isNew = wanted.epoch !== undefined && wanted.epoch !== set.status?.epoch;
    const isSeen = wanted.knownEpoch !== undefined && wanted.knownEpoch !== set.status?.knownEpoch;
    const [before] = (set.status?.conditions ?? []).filter(({ type }) => type === Applied.type);
    const [after] = conditions;
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
