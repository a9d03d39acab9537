// The one way in which reconcilers write status: the conditions and fields that they own, and an event for each transition.
import { isDeepStrictEqual } from "node:util";
import { isNotFound } from "../kube/client.ts";
import { Event } from "../kube/core.ts";
import { describe } from "../kube/log.ts";
import { type Condition, type Key, type KubeObject, keyOf, keyString, type ReadySummary } from "../kube/object.ts";
import { mergeConditions } from "./conditions.ts";
import type { ConditionIntent } from "./contract.ts";
import { EventAllowance, eventOf, isNamespaceGoing, transitions } from "./events.ts";
import type { AnyReconciler, PassContext } from "./pass.ts";
import { observedGeneration, ownedSummary, READY } from "./ready.ts";

type WithStatus = KubeObject & { readonly status?: Readonly<Record<string, unknown>> & { readonly conditions?: readonly Condition[] } };

export class StatusWriter {
  readonly #reconciler: AnyReconciler;
  readonly #context: PassContext;
  readonly #allowance = new EventAllowance();
  readonly #ready: ReadySummary | undefined;

  constructor(reconciler: AnyReconciler, context: PassContext) {
    this.#reconciler = reconciler;
    this.#context = context;
    this.#ready = ownedSummary(reconciler);
  }

  /** The owned conditions that plans give; Ready is derived from them. */
  get intendedTypes(): readonly string[] {
    return this.#reconciler.owns.conditions.filter((type) => this.#ready === undefined || type !== READY);
  }

  forget(key: Key): void {
    this.#allowance.forget(keyString(key));
  }

  /** `done`: false when what was intended is not (all) done, and the generation must not count as observed. */
  async write(
    subject: WithStatus | undefined,
    intents: readonly ConditionIntent[],
    more: unknown,
    done: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    if (subject === undefined) return;
    // Nothing is known of it yet. Writes by patch are few: there a summary of nothing is not worth one.
    if (this.#context.statusOnly && intents.length === 0 && more === undefined) return;
    const existing = subject.status?.conditions ?? [];
    const { generation, deletionTimestamp } = subject.metadata;
    const deleting = deletionTimestamp !== undefined;
    const owned = this.#reconciler.owns.conditions;
    const merging = { existing, intents, generation, now: this.#context.now(), done, ready: this.#ready };
    const conditions = mergeConditions({ ...merging, deleting, owned });
    const fields = {
      ...((more ?? (deleting ? this.ownedNow(subject) : undefined)) as object | undefined),
      ...(this.#ready && observedGeneration(conditions)),
      ...(conditions.length > 0 ? { conditions } : {}),
    };
    try {
      if (this.#context.statusOnly) return await this.#patch(subject, fields, signal);
      if ((await this.#apply(subject, fields, signal)) === "unchanged") return;
    } catch (error) {
      // Gone meanwhile, and nobody will read its status.
      if (isNotFound(error)) return;
      throw error;
    }
    await this.#recordTransitions(subject, existing, conditions, signal);
  }

  /** The status fields besides conditions that this reconciler's manager owns, with their present values. */
  ownedNow(subject: WithStatus | undefined): object {
    const entry = subject?.metadata.managedFields?.find(
      ({ manager, subresource }) => manager === this.#reconciler.name && subresource === "status",
    );
    const owned = (entry?.fieldsV1 as { "f:status"?: Record<string, unknown> } | undefined)?.["f:status"] ?? {};
    return Object.fromEntries(Object.entries(subject?.status ?? {}).filter(([name]) => name !== "conditions" && `f:${name}` in owned));
  }

  async #apply(subject: KubeObject, status: object, signal: AbortSignal): Promise<string> {
    const { apiVersion, kind, metadata } = subject;
    const intent = {
      apiVersion,
      kind,
      // With the uid: the status of a deleted subject must not end up in a new one of the same name.
      metadata: { ...keyOf(subject), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) },
      ...(Object.keys(status).length > 0 ? { status } : {}),
    };
    return (await this.#context.source.applier.apply(this.#reconciler.subject, intent, { subresource: "status", signal })).outcome;
  }

  /** A merge patch leaves fields that it does not name as they are; conditions are one field, so it holds those of others too. */
  async #patch(subject: WithStatus, fields: { conditions?: Condition[] }, signal: AbortSignal): Promise<void> {
    const { conditions: own = [] } = fields;
    const others = (subject.status?.conditions ?? []).filter(({ type }) => !own.some((one) => one.type === type));
    const status = own.length === 0 ? fields : { ...fields, conditions: [...others, ...own].sort((a, b) => (a.type < b.type ? -1 : 1)) };
    if (Object.entries(status).every(([name, value]) => isDeepStrictEqual(value, subject.status?.[name]))) return;
    const { client, live } = this.#context.source;
    const options = { type: "merge", subresource: "status", signal } as const;
    live.wrote(this.#reconciler.subject, await client.patch(this.#reconciler.subject, keyOf(subject), { status }, options));
  }

  /** Events are courtesy: one that could not be written is logged and changes nothing. */
  async #recordTransitions(
    subject: KubeObject,
    before: readonly Condition[],
    after: readonly Condition[],
    signal: AbortSignal,
  ): Promise<void> {
    const { source, log, now, instance } = this.#context;
    for (const transition of transitions(before, after)) {
      // A summary is no news: what it sums up has an event of its own.
      if (this.#ready !== undefined && transition.type === READY) continue;
      if (!this.#allowance.take(keyString(keyOf(subject)))) continue;
      try {
        await source.client.create(Event, eventOf(subject, transition, { name: this.#reconciler.name, instance }, now()), { signal });
      } catch (error) {
        if (isNamespaceGoing(error)) continue;
        log.warn("event not written", { reconciler: this.#reconciler.name, subject: keyString(keyOf(subject)), error: describe(error) });
      }
    }
  }
}
