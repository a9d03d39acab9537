import { hostname } from "node:os";
import type { Registry } from "prom-client";
import { pause } from "../kube/backoff.ts";
import { type Fence, FencedError, isConflict, type KubeClient } from "../kube/client.ts";
import { describe, type Log } from "../kube/log.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../kube/object.ts";
import { Applier } from "./applier.ts";
import { type Predicate, type Reader, SINGLETON, type Side, THE_ONE, type Watch } from "./contract.ts";
import type { EffectTable } from "./effects.ts";
import { kindString } from "./live.ts";
import { type ManagerMetrics, metricsIn } from "./metrics.ts";
import { type AnyReconciler, Pass } from "./pass.ts";
import { Queue } from "./queue.ts";
import { readerOf, UnreadableError } from "./reader.ts";
import { References } from "./references.ts";
import { type KindOptions, Server } from "./server.ts";
import { allOf, retryAfterSeconds } from "./writes.ts";

export interface ManagerOptions {
  /** The API server that has the subjects. */
  readonly source: KubeClient;
  /** The one that has the objects that reconcilers own. Default: the source. */
  readonly target?: KubeClient;
  /** Nothing but status is written at the source, by merge patches: no finalizers and no events. For agents, which may do no more on the hub. */
  readonly statusOnly?: boolean;
  /** All reconcilers of the process; their caches are shared. */
  readonly reconcilers: readonly AnyReconciler[];
  readonly effects?: EffectTable;
  /** Asked before every write. Absent: this process is the only one by construction (an agent). */
  readonly fence?: Fence;
  readonly log: Log;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
  /** How kinds are cached, where not whole: namespace, indexes, transform. */
  readonly cacheOptions?: KindOptions;
  readonly now?: () => Date;
  /** Keys worked on at once, per reconciler. Default 8. */
  readonly workers?: number;
  /** How long reconcilers wait for the first lists; a kind that cannot be listed until then is "unreadable". Default 10 s. */
  readonly syncMs?: number;
}

export interface RunningManager {
  /** Resolves when the signal has aborted and every pass that was under way has ended. */
  readonly done: Promise<void>;
  /** For readiness: true, or what is missing. */
  readonly check: () => true | string;
  /** Enqueues every subject: something that plans depend on has changed, and no object shows it. */
  readonly enqueueAll: () => void;
}

const BACKOFF = { baseMs: 50, capMs: 60_000 };
/** A conflict says that a cache was behind, and passes with the next event; only one that does not is for a person. */
const CONFLICTS_BEFORE_WARNING = 3;

/** Runs all reconcilers of a process on shared caches until the signal aborts. */
export const runReconcilers = (options: ManagerOptions): Promise<void> => startReconcilers(options).done;

export function startReconcilers(options: ManagerOptions): RunningManager {
  const manager = new Manager(options);
  return { done: manager.run(options.signal), check: () => manager.check(), enqueueAll: () => manager.enqueueAll() };
}

class Manager {
  readonly #options: ManagerOptions;
  /** One and the same for an operator. */
  readonly #servers: Readonly<Record<Side, Server>>;
  readonly #queues = new Map<AnyReconciler, Queue>();
  readonly #metrics: ManagerMetrics;

  constructor(options: ManagerOptions) {
    this.#options = options;
    const { source, target = source, fence, cacheOptions = new Map() } = options;
    this.#metrics = metricsIn(options.metrics, () =>
      [...this.#queues].map(([{ name }, queue]) => [name, queue.depth, queue.running] as const),
    );
    const server = (client: KubeClient) => new Server(fence === undefined ? client : client.fenced(fence), cacheOptions);
    const one = server(source);
    this.#servers = { source: one, target: target === source ? one : server(target) };
    for (const reconciler of options.reconcilers) this.#declare(reconciler);
    for (const reconciler of options.reconcilers) this.#add(reconciler);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const cache of this.#caches) cache.start(signal);
    await Promise.all([...this.#queues].map(([reconciler, queue]) => this.#runOne(reconciler, queue, signal)));
  }

  check(): true | string {
    const missing = this.#caches
      .filter((cache) => !cache.hasSynced)
      .map(({ kind, lastError }) => `${kind.plural} (${lastError ?? "no answer yet"})`);
    return missing.length === 0 ? true : `not listed yet: ${missing.join(", ")}`;
  }

  enqueueAll(): void {
    for (const [reconciler, queue] of this.#queues) this.#addAll(reconciler, queue);
  }

  get #caches() {
    return [...new Set(Object.values(this.#servers))].flatMap(({ caches }) => [...caches.values()]);
  }

  #declare(reconciler: AnyReconciler): void {
    for (const { kind, side } of kindsOf(reconciler)) {
      this.#servers[side].declare(kind, {
        log: this.#options.log,
        onRelist: () => this.#metrics.relists.inc({ kind: kind.kind }),
        onRestart: () => this.#metrics.watchRestarts.inc({ kind: kind.kind }),
      });
    }
  }

  #cacheOf({ kind, side }: Declared) {
    return this.#servers[side].cacheOf(kind);
  }

  /** Where this reconciler declares a kind; or, for one that only others declare, where they do. Asked with each read. */
  #serversOf(reconciler: AnyReconciler): (kind: Kind<KubeObject>) => Server | undefined {
    const own = new Map(kindsOf(reconciler).map(({ kind, side }) => [kindString(kind), this.#servers[side]]));
    return (kind) => own.get(kindString(kind)) ?? Object.values(this.#servers).find(({ cacheOf }) => cacheOf(kind) !== undefined);
  }

  #add(reconciler: AnyReconciler): void {
    const { log, effects = {}, now = () => new Date(), statusOnly = false } = this.#options;
    const { source, target } = this.#servers;
    const references = new References();
    const applierAt = ({ client, live }: Server): Applier =>
      new Applier({
        client,
        fieldManager: reconciler.name,
        live,
        onWrite: (kind, outcome) => this.#metrics.writes.inc({ reconciler: reconciler.name, kind, outcome }),
      });
    const applier = applierAt(target);
    const read = readerOf(this.#serversOf(reconciler), () => applier.applied);
    const pass = new Pass(reconciler, {
      source: { client: source.client, live: source.live, applier: source === target ? applier : applierAt(source) },
      target: { client: target.client, applier },
      statusOnly,
      read,
      effects,
      log,
      now,
      instance: hostname(),
      remember: references.set.bind(references),
    });
    const passes: Passes = { running: 0, follow: [] };
    const work = (key: Key, signal: AbortSignal) => {
      passes.running++;
      return this.#measured(reconciler, pass, key, signal).finally(() => {
        passes.running--;
        for (const follow of passes.follow.splice(0)) follow();
      });
    };
    const queue = new Queue(work, {
      workers: this.#options.workers ?? 8,
      backoff: { ...BACKOFF, capMs: reconciler.retryCapMs ?? BACKOFF.capMs },
      leastDelayMs,
      onError: (key, error, failures, retryInMs) => this.#reportError(reconciler, key, error, failures, retryInMs),
    });
    this.#queues.set(reconciler, queue);
    this.#listen(reconciler, { queue, read, references, applier, passes });
  }

  /** What enqueues subjects of a reconciler. */
  #listen(reconciler: AnyReconciler, { queue, read, references, applier, passes }: Listening): void {
    const { subject, owns, predicates = [], gatherMs = 0 } = reconciler;
    const enqueue = (key: Key): void => queue.addAfter(key, gatherMs);
    const onChange = (declared: Declared, changed: (is: KubeObject | undefined, was: KubeObject | undefined) => void): void => {
      const predicate = predicates.find((one) => kindString(one.kind) === kindString(declared.kind));
      this.#cacheOf(declared)?.onChange((is, was) => {
        if (differs(predicate, is, was)) changed(is, was);
      });
    };
    const isSingleton = subject === SINGLETON;
    if (!isSingleton) onChange({ kind: subject, side: "source" }, (is, was) => enqueue(keyOf((is ?? was) as KubeObject)));
    for (const watch of reconciler.watches) {
      onChange(declaredBy(watch), (is, was) => {
        // The old form too: what an object no longer points at is concerned as well.
        for (const object of [is, was]) if (object !== undefined) for (const key of subjectsOf(watch, object, read)) enqueue(key);
      });
    }
    // What a plan applied or removes enqueues its subject without a declared watch: drift is seen, and the end of a deletion.
    for (const kind of owns.kinds) {
      onChange({ kind, side: "target" }, (is, was) => {
        const object = (is ?? was) as KubeObject;
        const follow = (): void => {
          if (owns.ignoresOwnWrites && is !== undefined && applier.isOwnWrite(kind, is)) return;
          for (const key of isSingleton ? [THE_ONE] : references.subjectsOf(object)) enqueue(key);
        };
        // A watch can be quicker than the answer to the write that it shows.
        if (owns.ignoresOwnWrites && passes.running > 0) passes.follow.push(follow);
        else follow();
      });
    }
    for (const trigger of reconciler.triggers ?? []) trigger.onChange(() => this.#addAll(reconciler, queue));
  }

  /** Begins when the reconciler's kinds are known, or when one of them cannot be had: then it says so in its conditions. */
  async #runOne(reconciler: AnyReconciler, queue: Queue, signal: AbortSignal): Promise<void> {
    const kinds = kindsOf(reconciler);
    const caches = kinds.map((declared) => this.#cacheOf(declared));
    const synced = Promise.allSettled(kinds.filter(({ optional }) => !optional).map((declared) => this.#cacheOf(declared)?.synced));
    const limit = new AbortController();
    const stop = (): void => limit.abort();
    signal.addEventListener("abort", stop, { once: true });
    await Promise.race([synced, pause(this.#options.syncMs ?? 10_000, limit.signal)]);
    limit.abort();
    signal.removeEventListener("abort", stop);
    for (const cache of caches) {
      // A kind that becomes readable later concerns every subject.
      if (cache !== undefined && !cache.hasSynced) cache.synced.then(() => this.#addAll(reconciler, queue)).catch(() => {});
    }
    if (reconciler.subject === SINGLETON) queue.add(THE_ONE);
    await queue.run(signal);
  }

  #addAll({ subject, gatherMs = 0 }: AnyReconciler, queue: Queue): void {
    const keys = subject === SINGLETON ? [THE_ONE] : (this.#cacheOf({ kind: subject, side: "source" })?.list() ?? []).map(keyOf);
    for (const key of keys) queue.addAfter(key, gatherMs);
  }

  async #measured(reconciler: AnyReconciler, pass: Pass, key: Key, signal: AbortSignal): Promise<{ requeueAfterMs?: number } | undefined> {
    const stop = this.#metrics.duration.startTimer({ reconciler: reconciler.name });
    try {
      const result = await pass.run(key, signal);
      this.#metrics.reconciles.inc({ reconciler: reconciler.name, outcome: "done" });
      return result;
    } catch (error) {
      this.#metrics.reconciles.inc({ reconciler: reconciler.name, outcome: error instanceof FencedError ? "fenced" : "failed" });
      throw error;
    } finally {
      stop();
    }
  }

  #reportError({ name }: AnyReconciler, key: Key, error: unknown, failures: number, retryInMs: number): void {
    const isConflictOnly = allOf(error, isConflict) && failures < CONFLICTS_BEFORE_WARNING;
    const level = !isConflictOnly && isReported(failures) ? "warn" : "debug";
    this.#options.log[level]("reconciling failed", {
      reconciler: name,
      subject: keyString(key),
      failures,
      retryInMs,
      error: describe(error),
    });
  }
}

/** A server that is away for hours is not reported with each retry. */
const isReported = (failures: number): boolean => failures <= 3 || failures % 10 === 0;

/** While a kind that a map reads is not listed yet, nothing is enqueued: once it is, every subject is. */
function subjectsOf(watch: Watch, object: KubeObject, read: Reader): readonly Key[] {
  try {
    return watch.toSubjects(object, read);
  } catch (error) {
    if (error instanceof UnreadableError) return [];
    throw error;
  }
}

/** An object that came, went or was made anew always differs. */
function differs(predicate: Predicate | undefined, is: KubeObject | undefined, was: KubeObject | undefined): boolean {
  if (predicate === undefined || is === undefined || was === undefined || is.metadata.uid !== was.metadata.uid) return true;
  return JSON.stringify(predicate.of(is)) !== JSON.stringify(predicate.of(was));
}

interface Listening {
  readonly queue: Queue;
  readonly read: Reader;
  readonly references: References;
  readonly applier: Applier;
  readonly passes: Passes;
}

/** Passes under way, and what is done when one ends. Both change in one step: an event in between would be lost until the next pass. */
interface Passes {
  running: number;
  readonly follow: (() => void)[];
}

interface Declared {
  readonly kind: Kind<KubeObject>;
  readonly side: Side;
  readonly optional?: boolean;
}

const declaredBy = ({ kind, side = "source", optional = false }: Watch): Declared => ({ kind, side, optional });

/** The kinds that are cached for a reconciler. */
const kindsOf = ({ subject, watches, owns }: AnyReconciler): readonly Declared[] => [
  ...(subject === SINGLETON ? [] : [{ kind: subject, side: "source" as const }]),
  ...watches.map(declaredBy),
  ...owns.kinds.map((kind) => ({ kind, side: "target" as const })),
];

const leastDelayMs = (error: unknown): number => (error instanceof FencedError ? 1000 : retryAfterSeconds(error) * 1000);
