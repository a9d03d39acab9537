// Carries plans out on a map of objects, in whatever order a test likes: for tests of convergence, where what counts is what a set of
// reconcilers comes to in the end. It knows no admission and no conflicts; the integration tests have the real API server.
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../lib/kube/object.ts";
import { mergeConditions } from "../lib/reconcile/conditions.ts";
import type { Effect, Plan, Reader, Reconciler } from "../lib/reconcile/contract.ts";
import { isHeldByOthers } from "../lib/reconcile/finalizer.ts";
import { kindString } from "../lib/reconcile/live.ts";
import { type AnyReconciler, finalizerOf } from "../lib/reconcile/pass.ts";
import { observedGeneration, ownedSummary } from "../lib/reconcile/ready.ts";

type Indexes = ReadonlyMap<Kind<KubeObject>, { readonly indexes?: Readonly<Record<string, (object: KubeObject) => readonly string[]>> }>;
type Fields = Record<string, unknown>;

export interface InMemoryWorldOptions {
  readonly reconcilers: readonly AnyReconciler[];
  readonly cacheOptions?: Indexes;
  /** What the API server would fill in. */
  readonly defaults?: (object: KubeObject) => KubeObject;
  readonly effect?: (effect: Effect) => void;
  readonly now: () => Date;
}

export class InMemoryWorld {
  readonly #objects = new Map<string, KubeObject>();
  readonly #statusFields = new Map<string, readonly string[]>();
  readonly #options: InMemoryWorldOptions;
  readonly #made = new Map<string, number>();
  /** How many writes changed something. */
  changes = 0;

  constructor(options: InMemoryWorldOptions) {
    this.#options = options;
  }

  /** As an apply: labels and annotations are merged, `spec` and the like are as given, and stay where nothing is given. */
  put(given: KubeObject): void {
    const object = this.#options.defaults?.(given) ?? given;
    const id = idOf(object, keyOf(object));
    const before = this.#objects.get(id);
    const made = before ?? {
      ...object,
      metadata: { ...object.metadata, uid: this.#newUid(id), creationTimestamp: this.#options.now().toISOString() },
    };
    const metadata = merge(made.metadata, object.metadata) as KubeObject["metadata"];
    this.#store(id, before, { ...made, ...object, metadata } as KubeObject);
  }

  find<T extends KubeObject>(kind: Kind<T>, key: Key): T | undefined {
    return this.#objects.get(idOf(kind, key)) as T | undefined;
  }

  list<T extends KubeObject>(kind: Kind<T>): readonly T[] {
    const found = [...this.#objects.values()].filter((object) => kindString(object) === kindString(kind));
    return found.sort((a, b) => (keyString(keyOf(a)) < keyString(keyOf(b)) ? -1 : 1)) as unknown as readonly T[];
  }

  /** As a DELETE by a user: at once, or when the last finalizer goes. */
  remove(kind: { readonly apiVersion: string; readonly kind: string }, key: Key): void {
    const id = idOf(kind, key);
    const object = this.#objects.get(id);
    if (!object || object.metadata.deletionTimestamp) return;
    const going = { ...object, metadata: { ...object.metadata, deletionTimestamp: this.#options.now().toISOString() } };
    this.#store(id, object, (object.metadata.finalizers ?? []).length > 0 ? going : undefined);
  }

  /** One pass of one reconciler over one subject. */
  async pass(reconciler: AnyReconciler, key: Key): Promise<void> {
    const subject = this.find(reconciler.subject, key);
    if (!subject) return;
    const observed = await reconciler.observe(subject, this.#reader(), new AbortController().signal);
    this.#carryOut(reconciler, subject, reconciler.plan(subject, observed, this.#options.now()));
  }

  /** Passes over everything, in the order that `order` gives, until a round changes nothing. The number of rounds. */
  async settle(order: <T>(list: readonly T[]) => readonly T[], limit = 50): Promise<number> {
    for (let round = 1; round <= limit; round++) {
      const before = this.changes;
      const steps = this.#options.reconcilers.flatMap((reconciler) =>
        this.list(reconciler.subject).map((subject) => [reconciler, keyOf(subject)] as const),
      );
      for (const [reconciler, key] of order(steps)) await this.pass(reconciler, key);
      if (this.changes === before) return round;
    }
    throw new Error(`still changing after ${limit} rounds`);
  }

  #carryOut(reconciler: AnyReconciler, subject: KubeObject, plan: Plan<unknown>): void {
    const key = keyOf(subject);
    const finalizer = finalizerOf(reconciler as Reconciler<KubeObject, unknown, unknown>);
    const going = subject.metadata.deletionTimestamp !== undefined;
    if (plan.finalizer === "hold" && !going) this.#setFinalizer(reconciler, key, finalizer, true);
    for (const ref of plan.remove ?? []) this.remove(ref, ref);
    for (const intent of plan.apply ?? []) this.put(intent);
    for (const effect of plan.effects ?? []) this.#options.effect?.(effect);
    if (!going || plan.finalizer === "hold" || isHeldByOthers(subject, finalizer)) this.#writeStatus(reconciler, key, plan);
    if (plan.finalizer !== "hold") this.#setFinalizer(reconciler, key, finalizer, false);
  }

  #setFinalizer({ subject }: AnyReconciler, key: Key, finalizer: string, held: boolean): void {
    const object = this.find(subject, key);
    if (!object) return;
    const others = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    const finalizers = held ? [...others, finalizer].sort() : others;
    const gone = object.metadata.deletionTimestamp !== undefined && finalizers.length === 0;
    this.#store(idOf(subject, key), object, gone ? undefined : { ...object, metadata: { ...object.metadata, finalizers } });
  }

  /** Fields that this reconciler wrote before and no longer says go, as with server-side apply. */
  #writeStatus(reconciler: AnyReconciler, key: Key, plan: Plan<unknown>): void {
    const { name, subject } = reconciler;
    const object = this.find(subject, key) as (KubeObject & { readonly status?: Fields & { readonly conditions?: [] } }) | undefined;
    if (!object) return;
    const ready = ownedSummary(reconciler);
    const { conditions: existing = [], ...rest } = object.status ?? {};
    const deleting = object.metadata.deletionTimestamp !== undefined;
    const merging = { existing, intents: plan.conditions, generation: undefined, now: this.#options.now(), done: true, ready, deleting };
    const conditions = mergeConditions({ ...merging, owned: reconciler.owns.conditions });
    const mine = `${name} ${idOf(subject, key)}`;
    const before = this.#statusFields.get(mine) ?? [];
    const [owned, kept] = [true, false].map((is) =>
      Object.fromEntries(Object.entries(rest).filter(([field]) => before.includes(field) === is)),
    );
    const fields: Fields = {
      ...((plan.status as Fields | undefined) ?? (deleting ? owned : {})),
      ...(ready && observedGeneration(conditions)),
    };
    this.#statusFields.set(mine, Object.keys(fields));
    const others = (existing as readonly { readonly type: string }[]).filter(({ type }) => !conditions.some((own) => own.type === type));
    const status = { ...kept, ...fields, conditions: [...others, ...conditions].sort((a, b) => (a.type < b.type ? -1 : 1)) };
    if (Object.keys(status).length === 1 && status.conditions.length === 0) return;
    this.#store(idOf(subject, key), object, { ...object, status } as KubeObject);
  }

  #store(id: string, before: KubeObject | undefined, after: KubeObject | undefined): void {
    if (canonical(before) === canonical(after)) return;
    this.changes++;
    if (after) this.#objects.set(id, after);
    else this.#objects.delete(id);
  }

  /** The same in whatever order objects are made, and another one for an object made anew. */
  #newUid(id: string): string {
    const count = (this.#made.get(id) ?? 0) + 1;
    this.#made.set(id, count);
    return `${id} ${count}`;
  }

  #reader(): Reader {
    return {
      get: (kind, name, namespace) => {
        const value = this.find(kind, namespace === undefined ? { name } : { name, namespace });
        return value ? { is: "present", value } : { is: "absent" };
      },
      list: (kind, { namespace, index } = {}) => {
        const inPlace = this.list(kind).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
        if (!index) return inPlace;
        const [name, value] = index;
        const keys = [...(this.#options.cacheOptions ?? [])].find(([of]) => kindString(of) === kindString(kind))?.[1].indexes?.[name];
        if (!keys) throw new Error(`${kind.kind} has no index ${name}`);
        return inPlace.filter((object) => keys(object).includes(value));
      },
      applied: () => [],
    };
  }
}

const idOf = (kind: { readonly apiVersion: string; readonly kind: string }, key: Key): string => `${kindString(kind)} ${keyString(key)}`;

function merge(base: unknown, over: unknown): unknown {
  if (!isMap(base) || !isMap(over)) return over;
  const merged: Fields = { ...base };
  for (const [key, value] of Object.entries(over)) if (value !== undefined) merged[key] = key in base ? merge(base[key], value) : value;
  return merged;
}

const isMap = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);

const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part: unknown) =>
    isMap(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
