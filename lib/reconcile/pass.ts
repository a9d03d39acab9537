import { FencedError, isConflict, isNotFound, isTransient, type KubeClient } from "../kube/client.ts";
import { Event } from "../kube/core.ts";
import { describe, type Log } from "../kube/log.ts";
import { type Condition, type Key, type Kind, type KubeObject, keyOf, keyString, type ReadySummary } from "../kube/object.ts";
import type { Applier, ApplyOutcome } from "./applier.ts";
import { afterFailure, mergeConditions, unobserved } from "./conditions.ts";
import type { ConditionIntent, Plan, Reader, Reconciler } from "./contract.ts";
import type { EffectTable, Executor } from "./effects.ts";
import { EventAllowance, eventOf, isNamespaceGoing, transitions } from "./events.ts";
import { Finalizer } from "./finalizer.ts";
import { kindString, type Live } from "./live.ts";
import { observedGeneration, ownedSummary, READY } from "./ready.ts";
import { allOf, eachByItself } from "./writes.ts";

export type AnyReconciler = Reconciler<KubeObject, unknown, unknown>;

export interface PassContext {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly live: Live;
  readonly read: Reader;
  readonly effects: EffectTable;
  readonly log: Log;
  readonly now: () => Date;
  /** Named in events as the reporting instance. */
  readonly instance: string;
  /** The objects that this subject's plan speaks of: changes to them wake the subject. */
  readonly remember: (
    subject: Key,
    objects: readonly { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly namespace?: string }[],
  ) => void;
}

/** Errors that pass by themselves are not worth a condition before they have come so many times in a row. */
const TRANSIENT_FAILURES_BEFORE_STATUS = 3;

export const finalizerOf = (reconciler: { readonly name: string }): string => `drover.dev/${reconciler.name}`;

/** Observes one subject, plans, and carries the plan out; the only place where reconcilers' writes happen. */
export class Pass {
  readonly #reconciler: AnyReconciler;
  readonly #context: PassContext;
  readonly #finalizer: Finalizer;
  readonly #kinds: ReadonlyMap<string, Kind<KubeObject>>;
  readonly #ready: ReadySummary | undefined;
  readonly #failures = new Map<string, number>();
  readonly #allowance = new EventAllowance();

  constructor(reconciler: AnyReconciler, context: PassContext) {
    this.#reconciler = reconciler;
    this.#context = context;
    this.#finalizer = new Finalizer(finalizerOf(reconciler), reconciler.subject, context.client);
    this.#kinds = new Map(reconciler.owns.kinds.map((kind) => [kindString(kind), kind]));
    this.#ready = ownedSummary(reconciler);
  }

  /** One pass over one subject. Rejects when it is to be tried again. */
  async run(key: Key, signal: AbortSignal): Promise<{ againAfterMs?: number } | undefined> {
    const subject = this.#context.live.peek(this.#reconciler.subject, key);
    if (subject === undefined) {
      this.#failures.delete(keyString(key));
      this.#allowance.forget(keyString(key));
      this.#context.remember(key, []);
      return undefined;
    }
    let plan: Plan<unknown> | undefined;
    try {
      const observed = await this.#reconciler.observe(subject, this.#context.read, signal);
      plan = this.#reconciler.plan(subject, observed, this.#context.now());
      await this.#carryOut(subject, plan, signal);
    } catch (error) {
      await this.#tellFailure(key, plan, error, signal);
      throw error;
    }
    this.#failures.delete(keyString(key));
    return plan.again === undefined ? undefined : { againAfterMs: plan.again.afterMs };
  }

  async #carryOut(subject: KubeObject, plan: Plan<unknown>, signal: AbortSignal): Promise<void> {
    const { applier, effects, client, live, read, log, remember } = this.#context;
    const held = this.#finalizer.isOn(subject);
    const going = subject.metadata.deletionTimestamp !== undefined;
    remember(keyOf(subject), [
      ...(plan.apply ?? []).map(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, ...keyOf({ apiVersion, kind, metadata }) })),
      ...(plan.remove ?? []),
    ]);
    // Before the first side effect: what exists because of the subject must not be forgotten when it goes.
    if (plan.finalizer === "hold" && !held && !going) {
      const written = await this.#finalizer.hold(subject, signal);
      // It is being deleted, which no cache has shown yet; that wakes it again.
      if (written === undefined) return;
      live.wrote(this.#reconciler.subject, written);
    }
    // What is to go goes first. Effects may rely on what is written, so they wait until all of it is.
    const removals = (plan.remove ?? []).map((ref) => () => applier.remove(this.#owned(ref), ref, { signal }));
    const applies = (plan.apply ?? []).map((intent) => () => applier.apply(this.#owned(intent), intent, { signal }));
    await eachByItself([...removals, ...applies], signal);
    for (const effect of plan.effects ?? []) {
      const run = (effects as Readonly<Record<string, Executor<typeof effect>>>)[effect.type];
      if (run === undefined) throw new Error(`no executor for effect ${effect.type}`);
      await run(effect, { client, read, log, signal });
    }
    // A subject that is let go while going may be gone with that write: its status no longer matters.
    if (!going || plan.finalizer === "hold") await this.#writeStatus(this.#fresh(subject), plan.conditions, plan.status, true, signal);
    if (plan.finalizer !== "hold" && held) await this.#letGo(this.#fresh(subject), signal);
  }

  /** The subject with what this pass has written to it so far. */
  #fresh(subject: KubeObject): KubeObject {
    return this.#context.live.peek(this.#reconciler.subject, keyOf(subject)) ?? subject;
  }

  /** The declared kind of an object that a plan writes: what is not declared has no rights, no cache and no owner. */
  #owned(object: { readonly apiVersion: string; readonly kind: string }): Kind<KubeObject> {
    const kind = this.#kinds.get(kindString(object));
    if (kind === undefined)
      throw new Error(`${this.#reconciler.name} plans to write ${kindString(object)}, which it does not declare to own`);
    return kind;
  }

  async #letGo(subject: KubeObject, signal: AbortSignal): Promise<void> {
    const written = await this.#finalizer.release(subject, signal);
    if (written === undefined) return;
    const { finalizers = [], deletionTimestamp } = written.metadata;
    // Without its last finalizer the object is gone, though the answer shows it once more.
    if (finalizers.length > 0 || deletionTimestamp === undefined) this.#context.live.wrote(this.#reconciler.subject, written);
  }

  async #writeStatus(
    subject: KubeObject | undefined,
    intents: readonly ConditionIntent[],
    more: unknown,
    done: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (subject === undefined) return;
    const { applier, now } = this.#context;
    const existing = (subject as WithConditions).status?.conditions ?? [];
    const { apiVersion, kind, metadata } = subject;
    const deleting = metadata.deletionTimestamp !== undefined;
    const merging = { existing, intents, generation: metadata.generation, now: now(), done, ready: this.#ready, deleting };
    const conditions = mergeConditions(merging);
    const status = {
      ...(more as object | undefined),
      ...(this.#ready && observedGeneration(conditions)),
      ...(conditions.length > 0 ? { conditions } : {}),
    };
    const intent = {
      apiVersion,
      kind,
      // With the uid: the status of a deleted subject must not end up in a new one of the same name.
      metadata: { ...keyOf(subject), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) },
      ...(Object.keys(status).length > 0 ? { status } : {}),
    };
    let outcome: ApplyOutcome;
    try {
      ({ outcome } = await applier.apply(this.#reconciler.subject, intent, { subresource: "status", signal }));
    } catch (error) {
      // Gone meanwhile, and nobody will read its status.
      if (isNotFound(error)) return;
      throw error;
    }
    if (outcome !== "unchanged") await this.#tellTransitions(subject, existing, conditions, signal);
  }

  /** Events are courtesy: that one could not be written is logged and changes nothing. */
  async #tellTransitions(
    subject: KubeObject,
    before: readonly Condition[],
    after: readonly Condition[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, log, now, instance } = this.#context;
    for (const transition of transitions(before, after)) {
      // A summary is no news: what it sums up has an event of its own.
      if (this.#ready !== undefined && transition.type === READY) continue;
      if (!this.#allowance.take(keyString(keyOf(subject)))) continue;
      try {
        await client.create(Event, eventOf(subject, transition, { name: this.#reconciler.name, instance }, now()), { signal });
      } catch (error) {
        if (isNamespaceGoing(error)) continue;
        log.warn("event not written", { reconciler: this.#reconciler.name, subject: keyString(keyOf(subject)), error: describe(error) });
      }
    }
  }

  /** Status is written also when reconciling failed, but a failure that passes by itself does not make conditions flap. */
  async #tellFailure(key: Key, plan: Plan<unknown> | undefined, error: unknown, signal: AbortSignal): Promise<void> {
    const failures = (this.#failures.get(keyString(key)) ?? 0) + 1;
    this.#failures.set(keyString(key), failures);
    if (signal.aborted || error instanceof FencedError) return;
    if (allOf(error, isTransient) && failures < TRANSIENT_FAILURES_BEFORE_STATUS) return;
    if (allOf(error, isConflict)) return;
    try {
      const subject = this.#context.live.peek(this.#reconciler.subject, key);
      const message = describe(error);
      const types = this.#reconciler.owns.conditions.filter((type) => this.#ready === undefined || type !== READY);
      const intents = plan === undefined ? unobserved(types, message) : afterFailure(plan.conditions, message);
      // Other status fields stay as they were: leaving them out of an apply would remove them.
      await this.#writeStatus(subject, intents, plan?.status ?? this.#statusOwnedNow(subject), false, signal);
    } catch (second) {
      this.#context.log.warn("status not written", { reconciler: this.#reconciler.name, subject: keyString(key), error: describe(second) });
    }
  }

  /** The status fields besides conditions that this reconciler's manager owns, with their present values. */
  #statusOwnedNow(subject: KubeObject | undefined): object {
    const status = (subject as WithConditions | undefined)?.status ?? {};
    const entry = subject?.metadata.managedFields?.find(
      ({ manager, subresource }) => manager === this.#reconciler.name && subresource === "status",
    );
    const owned = (entry?.fieldsV1 as { "f:status"?: Record<string, unknown> } | undefined)?.["f:status"] ?? {};
    return Object.fromEntries(Object.entries(status).filter(([name]) => name !== "conditions" && `f:${name}` in owned));
  }
}

type WithConditions = KubeObject & { readonly status?: { readonly conditions?: readonly Condition[] } };
