import type { Key, Kind, KubeObject, ObjectRef, PolicyRule } from "../kube/object.ts";

/**
 * One concern over one kind: `observe` only reads, `plan` only thinks, the engine does every write.
 * A reconciler is called with the current subject, whatever woke it, and never twice at once for one key.
 */
export interface Reconciler<Subject extends KubeObject, Observed, Status> {
  /** "<kind>-<concern>": queue, field manager, log field, metric label, and its finalizer `drover.dev/<name>`. */
  readonly name: string;
  readonly subject: Kind<Subject>;
  readonly watches: readonly Watch[];
  /** What its plans look at in objects of some kinds: a change of anything else in them wakes no subject. Of kinds not named: everything. */
  readonly looksAt?: readonly View[];
  /** Where `conditions` names Ready and the kind says what it sums up, plans leave Ready out: the manager derives it. */
  readonly owns: { readonly conditions: readonly string[]; readonly kinds: readonly Kind<KubeObject>[] };
  /** Becomes part of the process's role.yaml, and is all that it may do. */
  readonly permissions: readonly PolicyRule[];
  observe(subject: Subject, read: Reader, signal: AbortSignal): Promise<Observed>;
  /** Pure and total: planning twice on the same input gives the same bytes. */
  plan(subject: Subject, observed: Observed, now: Date): Plan<Status>;
}

/** Another kind whose changes wake subjects. `toSubjects` maps a changed object (its old and its new form) to subject keys. */
export interface Watch<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  /** `read` gives what is cached, for maps that need a look (all subjects naming a template, say). */
  toSubjects(object: T, read: Reader): readonly Key[];
}

/** What of an object somebody goes by, as a value that JSON can hold. */
export interface View<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  of(object: T): unknown;
}

/** What was read: absent and unreadable are different things, and give different conditions (False, Unknown). */
export type Reading<T> =
  | { readonly is: "present"; readonly value: T }
  | { readonly is: "absent" }
  | { readonly is: "unreadable"; readonly because: string };

/** Reads from the process's watched caches; only kinds that the process's reconcilers declare are there. */
export interface Reader {
  get<T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Reading<T>;
  /** Sorted by namespace and name. `index`: a named index declared with the kind's cache. */
  list<T extends KubeObject>(
    kind: Kind<T>,
    where?: { readonly namespace?: string; readonly index?: readonly [name: string, value: string] },
  ): readonly T[];
}

export interface Plan<Status> {
  /** Deleted before anything is applied. */
  readonly remove?: readonly ObjectRef[];
  /**
   * Full intent, owned fields only; applied with server-side apply in this order. Each by itself: one that is refused keeps no later one
   * from being written, so none may rely on another.
   */
  readonly apply?: readonly KubeObject[];
  /** Run when all writes were done. */
  readonly effects?: readonly Effect[];
  /** No times: the engine adds them. */
  readonly conditions: readonly ConditionIntent[];
  /** Owned status fields besides conditions. */
  readonly status?: Status;
  readonly finalizer: "none" | "hold" | "release";
  readonly again?: { readonly afterMs: number; readonly because: string };
}

export interface ConditionIntent {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** Something that is not an apply or a delete. Each `type` has one executor in the process's table of effects. */
export interface Effect {
  readonly type: string;
  readonly subject: ObjectRef;
}
