import type { Key, Kind, KubeObject, ObjectRef, PolicyRule } from "../kube/object.ts";
import type { Trigger } from "./shared.ts";

/**
 * A manager knows two API servers. Subjects and their status are at the source; objects that reconcilers own are at the target. For an
 * operator both are the hub; for an agent the source is the hub, the target its managed cluster.
 */
export type Side = "source" | "target";

/**
 * One concern over one kind: `observe` only reads, `plan` is pure, the manager does every write.
 * A reconciler is called with the current subject, whatever enqueued it, and never twice at once for one key.
 */
export interface Reconciler<Subject extends KubeObject, Observed, Status> {
  /** "<kind>-<concern>": queue, field manager, log field, metric label, and its finalizer `drover.dev/<name>`. */
  readonly name: string;
  /** A kind at the source, or SINGLETON: one pass for everything, with no object behind it, and so without conditions and finalizer. */
  readonly subject: Kind<Subject>;
  readonly watches: readonly Watch[];
  /** Values that other parts of the process set: a change of one enqueues every subject. */
  readonly triggers?: readonly Trigger[];
  /** What its plans depend on in objects of some kinds: a change of anything else in them enqueues nothing. Of kinds not named: everything. */
  readonly predicates?: readonly Predicate[];
  readonly owns: Owned;
  /** Becomes part of the process's role.yaml at the target, and is all that it may do there. */
  readonly permissions: readonly PolicyRule[];
  /** For at least so long changes are gathered before a subject is reconciled. Default 0. */
  readonly gatherMs?: number;
  /** The longest wait before a failed pass is retried. Default 60 s. */
  readonly retryCapMs?: number;
  observe(subject: Subject, read: Reader, signal: AbortSignal): Promise<Observed>;
  /** Pure and total: planning twice on the same input gives the same bytes. */
  plan(subject: Subject, observed: Observed, now: Date): Plan<Status>;
  /** What an earlier process of this reconciler made, as far as that is known: other contents found there are drift. Asked once, before the first pass. */
  assumed?(read: Reader): readonly KubeObject[];
  /**
   * Called after the writes of a plan, also when some failed, before the status is written; `read` shows what was written.
   * @returns after how many ms at the latest to reconcile again, where that depends on the results
   */
  written?(plan: Plan<Status>, results: readonly WriteResult[], read: Reader): number | undefined;
}

export interface Owned {
  /** Where it names Ready and the kind says what Ready sums up, plans leave Ready out: the manager derives it. */
  readonly conditions: readonly string[];
  /** At the target: applied and removed. Applied in this order: a kind may refer to those before it. */
  readonly kinds: readonly Kind<KubeObject>[];
  /** Kinds of objects that others own and in which plans patch some fields. */
  readonly patches?: readonly { readonly kind: Kind<KubeObject>; readonly side: Side }[];
  /** How many objects of one kind are written at once. Default 1. */
  readonly writesAtOnce?: number;
  /** True: `written` reports refused writes (`isRefusal`), and they do not make the pass fail. */
  readonly reportsRefusals?: boolean;
  /** True: plans do not depend on what comes back of the reconciler's own writes, so those enqueue nothing. */
  readonly ignoresOwnWrites?: boolean;
}

/** The subject of a reconciler that has no object for it. */
export const SINGLETON: Kind<KubeObject> = { apiVersion: "drover.dev/process", kind: "Singleton", plural: "singletons", namespaced: false };
export const THE_ONE: Key = { name: "singleton" };

/** Another kind whose changes enqueue subjects. `toSubjects` maps a changed object (its old and its new form) to subject keys. */
export interface Watch<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  /** Default: the source. */
  readonly side?: Side;
  /** True: the reconciler works without it, and does not wait for its first list. */
  readonly optional?: boolean;
  /** `read` gives what is cached, for maps that need a look (all subjects naming a template, say). */
  toSubjects(object: T, read: Reader): readonly Key[];
}

/** Kind and objects belong together, which a list of many kinds cannot say. */
export const watch = <T extends KubeObject>(kind: Kind<T>, toSubjects: (object: T, read: Reader) => readonly Key[]): Watch =>
  ({ kind, toSubjects }) as Watch<T> as unknown as Watch;

/** For a singleton: any change of the kind enqueues it. */
export const watchAll = <T extends KubeObject>(kind: Kind<T>, options: Pick<Watch, "side" | "optional"> = {}): Watch => ({
  ...watch(kind, () => [THE_ONE]),
  ...options,
});

/** A change of an object counts when this value of it, which JSON can hold, is another one; so do its creation and its deletion. */
export interface Predicate<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  of(object: T): unknown;
}

export const predicate = <T extends KubeObject>(kind: Kind<T>, of: (object: T) => unknown): Predicate =>
  ({ kind, of }) as Predicate<T> as unknown as Predicate;

/** What was read: absent and unreadable are different things, and give different conditions (False, Unknown). */
export type Reading<T> =
  | { readonly is: "present"; readonly value: T }
  | { readonly is: "absent" }
  | { readonly is: "unreadable"; readonly because: string };

/** Reads from the process's watched caches, each kind at the side where the reconciler declares it; other kinds are not there. */
export interface Reader {
  get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Reading<T>;
  /** Sorted by namespace and name. `index`: a named index declared with the kind's cache. */
  list<T extends KubeObject>(
    kind: Kind<T>,
    where?: { readonly namespace?: string; readonly index?: readonly [name: string, value: string] },
  ): readonly T[];
  /** What this reconciler has applied and not removed since, as far as the process remembers. */
  applied(): readonly ObjectRef[];
}

export interface Plan<Status> {
  /** Deleted before anything is applied. */
  readonly remove?: readonly ObjectRef[];
  /**
   * Full intent, owned fields only; applied with server-side apply in this order. Each by itself: one that is refused keeps no later one
   * from being written, so none may rely on another.
   */
  readonly apply?: readonly KubeObject[];
  /** Deleted after everything was applied: what objects referred to before, such as the role of a binding. */
  readonly removeLast?: readonly ObjectRef[];
  /** Merge patches to objects of others; sent beside the other writes. */
  readonly patches?: readonly Patch[];
  /** Run beside the writes. Whatever fails, they have ended before the pass does. */
  readonly beside?: readonly Effect[];
  /** Run when all writes were done. */
  readonly effects?: readonly Effect[];
  /** No times: the manager adds them. Of a subject that is being deleted, owned conditions that are left out stay as reported, and so does `status`. */
  readonly conditions: readonly ConditionIntent[];
  /** Owned status fields besides conditions. Of a singleton, which has no status: what `written` is to know. */
  readonly status?: Status;
  readonly finalizer: "none" | "hold" | "release";
  readonly requeueAfter?: { readonly ms: number; readonly because: string };
}

export interface ConditionIntent {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** A JSON merge patch: fields that it does not name stay, `null` removes one. The object must exist. */
export interface Patch {
  readonly object: ObjectRef;
  readonly patch: object;
  readonly subresource?: "status";
  /** For how long to wait for the answer. Default: the client's. */
  readonly timeoutMs?: number;
}

export interface WriteResult {
  readonly object: ObjectRef;
  /** "effect": what runs beside the writes; then `object` is the subject. */
  readonly write: "apply" | "remove" | "patch" | "effect";
  /** "changed": also what was removed. */
  readonly outcome: "created" | "changed" | "unchanged" | "failed";
  /** Somebody else had changed, deleted or made the object: the write corrected drift. */
  readonly corrected: boolean;
  readonly error?: unknown;
}

/** Something that is not an apply or a delete. Each `type` has one executor in the process's table of effects. */
export interface Effect {
  readonly type: string;
  readonly subject: ObjectRef;
}
