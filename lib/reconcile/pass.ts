import { FencedError, isConflict, isTransient, type KubeClient } from "../kube/client.ts";
import { describe, type Log } from "../kube/log.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString, type ObjectRef, refOf } from "../kube/object.ts";
import type { Applier } from "./applier.ts";
import { afterFailure, unobserved } from "./conditions.ts";
import type { Effect } from "./contract.ts";
import { type Patch, type Plan, type Reader, type Reconciler, SINGLETON, type Side, THE_ONE, type WriteResult } from "./contract.ts";
import type { EffectTable, Executor } from "./effects.ts";
import { Finalizer, isHeldByOthers } from "./finalizer.ts";
import { kindString, type Live } from "./live.ts";
import { StatusWriter } from "./status.ts";
import { allOf, eachByItself, isRefusal, throwAll } from "./writes.ts";

export type AnyReconciler = Reconciler<KubeObject, unknown, unknown>;

export interface PassContext {
  readonly source: { readonly client: KubeClient; readonly live: Live; readonly applier: Applier };
  readonly target: { readonly client: KubeClient; readonly applier: Applier };
  /** Nothing but status is written at the source, by merge patches. */
  readonly statusOnly: boolean;
  readonly read: Reader;
  readonly effects: EffectTable;
  readonly log: Log;
  readonly now: () => Date;
  /** Named in events as the reporting instance. */
  readonly instance: string;
  /** The objects that this subject's plan speaks of: changes to them enqueue the subject. */
  readonly remember: (subject: Key, objects: readonly ObjectRef[]) => void;
}

/** Errors that pass by themselves are not worth a condition before they have come so many times in a row. */
const TRANSIENT_FAILURES_BEFORE_STATUS = 3;

const ONE: KubeObject = { apiVersion: SINGLETON.apiVersion, kind: SINGLETON.kind, metadata: THE_ONE };

export const finalizerOf = (reconciler: { readonly name: string }): string => `drover.dev/${reconciler.name}`;

/** Observes one subject, plans, and carries the plan out; the only place where reconcilers' writes happen. */
export class Pass {
  readonly #reconciler: AnyReconciler;
  readonly #context: PassContext;
  readonly #finalizer: Finalizer;
  readonly #status: StatusWriter;
  readonly #kinds: ReadonlyMap<string, Kind<KubeObject>>;
  readonly #failures = new Map<string, number>();
  #hasAssumed = false;

  constructor(reconciler: AnyReconciler, context: PassContext) {
    this.#reconciler = reconciler;
    this.#context = context;
    this.#finalizer = new Finalizer(finalizerOf(reconciler), reconciler.subject, context.source.client);
    this.#status = new StatusWriter(reconciler, context);
    this.#kinds = new Map(reconciler.owns.kinds.map((kind) => [kindString(kind), kind]));
  }

  /** One pass over one subject. Rejects when it is to be retried. */
  async run(key: Key, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | undefined> {
    const subject = this.#isSingleton ? ONE : this.#context.source.live.peek(this.#reconciler.subject, key);
    if (subject === undefined) {
      this.#failures.delete(keyString(key));
      this.#status.forget(key);
      this.#context.remember(key, []);
      return undefined;
    }
    let plan: Plan<unknown> | undefined;
    try {
      this.#assume();
      const observed = await this.#reconciler.observe(subject, this.#context.read, signal);
      plan = this.#reconciler.plan(subject, observed, this.#context.now());
      const retryMs = await this.#carryOut(subject, plan, signal);
      this.#failures.delete(keyString(key));
      const waits = [plan.requeueAfter?.ms, retryMs].filter((ms) => ms !== undefined);
      return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
    } catch (error) {
      await this.#reportFailure(key, plan, error, signal);
      throw error;
    }
  }

  get #isSingleton(): boolean {
    return this.#reconciler.subject === SINGLETON;
  }

  #assume(): void {
    if (this.#hasAssumed) return;
    for (const object of this.#reconciler.assumed?.(this.#context.read) ?? []) this.#context.target.applier.assume(object);
    this.#hasAssumed = true;
  }

  async #carryOut(subject: KubeObject, plan: Plan<unknown>, signal: AbortSignal): Promise<number | undefined> {
    const { source, remember } = this.#context;
    const held = this.#finalizer.isOn(subject);
    const going = subject.metadata.deletionTimestamp !== undefined;
    // Every change of what a singleton owns enqueues it anyway.
    if (!this.#isSingleton)
      remember(keyOf(subject), [...(plan.apply ?? []).map(refOf), ...(plan.remove ?? []), ...(plan.removeLast ?? [])]);
    // Before the first side effect: what exists because of the subject must not be forgotten when it goes.
    if (plan.finalizer === "hold" && !held && !going) {
      const written = await this.#finalizer.hold(subject, signal);
      // It is being deleted, which no cache has shown yet; that enqueues it again.
      if (written === undefined) return undefined;
      source.live.wrote(this.#reconciler.subject, written);
    }
    const retryMs = await this.#write(subject, plan, signal);
    for (const effect of plan.effects ?? []) await this.#run(effect, signal);
    if (this.#isSingleton) return retryMs;
    // A subject that nothing holds any more may be gone with the next write: its status no longer matters.
    if (!going || plan.finalizer === "hold" || isHeldByOthers(subject, this.#finalizer.name))
      await this.#status.write(this.#fresh(subject), plan.conditions, plan.status, true, signal);
    if (plan.finalizer !== "hold" && held) await this.#letGo(this.#fresh(subject), signal);
    return retryMs;
  }

  /** All writes of the plan and what runs beside them. All of it ends before this does, whatever fails: two passes never write at once. */
  async #write(subject: KubeObject, plan: Plan<unknown>, signal: AbortSignal): Promise<number | undefined> {
    const results: WriteResult[] = [];
    const errors: unknown[] = [];
    const ends = await Promise.allSettled([
      this.#writeInOrder(plan, results, signal),
      this.#each(plan.patches ?? [], "patch", (patch) => this.#patch(patch, signal), { results, signal }),
      ...(plan.beside ?? []).map((effect) => this.#run(effect, signal)),
    ]);
    for (const end of ends) if (end.status === "rejected") errors.push(end.reason);
    const stopped = errors.find((error) => signal.aborted || error instanceof FencedError);
    if (stopped !== undefined) throw stopped;
    const { written, owns } = this.#reconciler;
    const failed = results.flatMap(({ error }) => (error === undefined || (owns.reportsRefusals && isRefusal(error)) ? [] : [error]));
    const all = [...results, ...errors.map(besideFailed(subject))];
    const retryMs = written?.call(this.#reconciler, plan, all, this.#context.read);
    throwAll([...failed, ...errors]);
    return retryMs;
  }

  /**
   * What is to go goes first, and what others refer to goes last. A group that the server does not answer keeps no other from being tried: an
   * apply may revoke as well.
   */
  async #writeInOrder(
    { remove = [], apply = [], removeLast = [] }: Plan<unknown>,
    results: WriteResult[],
    signal: AbortSignal,
  ): Promise<void> {
    const { applier } = this.#context.target;
    const o = { results, signal };
    const deletion = async (ref: ObjectRef) => {
      const { outcome, unknown } = await applier.remove(this.#owned(ref), ref, { signal });
      return { outcome, corrected: outcome === "changed" && unknown };
    };
    await this.#each(remove, "remove", deletion, o);
    const open = apply.filter((intent) => !applier.isSettled(this.#owned(intent), intent));
    for (const group of byKind(open)) {
      await this.#each(group, "apply", (intent) => applier.apply(this.#owned(intent), intent, { signal }), o);
    }
    await this.#each(removeLast, "remove", deletion, o);
  }

  /** When the server seems to answer nothing, the rest of the items waits for the next pass. */
  #each<T extends ObjectRef | KubeObject | Patch>(
    items: readonly T[],
    write: WriteResult["write"],
    one: (item: T) => Promise<Pick<WriteResult, "outcome" | "corrected">>,
    { results, signal }: { readonly results: WriteResult[]; readonly signal: AbortSignal },
  ): Promise<void> {
    return eachByItself(
      items,
      async (item) => {
        const { outcome, corrected } = await one(item);
        results.push({ object: objectOf(item), write, outcome, corrected });
      },
      {
        atOnce: this.#reconciler.owns.writesAtOnce ?? 1,
        signal,
        onError: (item, error) => results.push({ object: objectOf(item), write, outcome: "failed", corrected: false, error }),
      },
    );
  }

  async #patch({ object, patch, subresource, timeoutMs }: Patch, signal: AbortSignal): Promise<Pick<WriteResult, "outcome" | "corrected">> {
    const declared = this.#reconciler.owns.patches?.find(({ kind }) => kindString(kind) === kindString(object));
    if (declared === undefined) throw this.#undeclared(object);
    const options = {
      type: "merge" as const,
      ...(this.#isStatusOnly(declared.side) ? {} : { fieldManager: this.#reconciler.name }),
      ...(subresource === undefined ? {} : { subresource }),
      signal: timeoutMs === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    };
    await this.#context[declared.side].client.patch(declared.kind, object, patch, options);
    return { outcome: "changed", corrected: false };
  }

  #isStatusOnly(side: Side): boolean {
    return side === "source" && this.#context.statusOnly;
  }

  async #run(effect: Effect, signal: AbortSignal): Promise<void> {
    const { effects, target, read, log } = this.#context;
    const run = (effects as Readonly<Record<string, Executor<Effect>>>)[effect.type];
    if (run === undefined) throw new Error(`no executor for effect ${effect.type}`);
    await run(effect, { client: target.client, read, log, signal });
  }

  /** The subject with what this pass has written to it so far. */
  #fresh(subject: KubeObject): KubeObject {
    return this.#context.source.live.peek(this.#reconciler.subject, keyOf(subject)) ?? subject;
  }

  /** The declared kind of an object that a plan writes: what is not declared has no permissions, no cache and no owner. */
  #owned(object: { readonly apiVersion: string; readonly kind: string }): Kind<KubeObject> {
    const kind = this.#kinds.get(kindString(object));
    if (kind === undefined) throw this.#undeclared(object);
    return kind;
  }

  #undeclared(object: { readonly apiVersion: string; readonly kind: string }): Error {
    return new Error(`${this.#reconciler.name} plans to write ${kindString(object)}, which it does not declare to own`);
  }

  async #letGo(subject: KubeObject, signal: AbortSignal): Promise<void> {
    const written = await this.#finalizer.release(subject, signal);
    if (written === undefined) return;
    const { finalizers = [], deletionTimestamp } = written.metadata;
    // Without its last finalizer the object is gone, though the answer shows it once more.
    if (finalizers.length > 0 || deletionTimestamp === undefined) this.#context.source.live.wrote(this.#reconciler.subject, written);
  }

  /** Status is written also when reconciling failed, but a failure that passes by itself does not make conditions flap. */
  async #reportFailure(key: Key, plan: Plan<unknown> | undefined, error: unknown, signal: AbortSignal): Promise<void> {
    const failures = (this.#failures.get(keyString(key)) ?? 0) + 1;
    this.#failures.set(keyString(key), failures);
    if (this.#isSingleton || signal.aborted || error instanceof FencedError) return;
    if (allOf(error, isTransient) && failures < TRANSIENT_FAILURES_BEFORE_STATUS) return;
    if (allOf(error, isConflict)) return;
    try {
      const subject = this.#context.source.live.peek(this.#reconciler.subject, key);
      const message = describe(error);
      const intents = plan === undefined ? unobserved(this.#status.intendedTypes, message) : afterFailure(plan.conditions, message);
      // Other status fields stay as they were: leaving them out of an apply would remove them.
      await this.#status.write(subject, intents, plan?.status ?? this.#status.ownedNow(subject), false, signal);
    } catch (second) {
      this.#context.log.warn("status not written", { reconciler: this.#reconciler.name, subject: keyString(key), error: describe(second) });
    }
  }
}

const objectOf = (item: ObjectRef | KubeObject | Patch): ObjectRef =>
  "object" in item ? item.object : "metadata" in item ? refOf(item) : item;

const besideFailed =
  (subject: KubeObject) =>
  (error: unknown): WriteResult => ({ object: refOf(subject), write: "effect", outcome: "failed", corrected: false, error });

/** Neighbours of one kind together: what is of one kind does not refer to each other. */
function byKind(intents: readonly KubeObject[]): readonly (readonly KubeObject[])[] {
  const groups: KubeObject[][] = [];
  for (const intent of intents) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && kindString(last[0]) === kindString(intent)) last.push(intent);
    else groups.push([intent]);
  }
  return groups;
}
