import { hostname } from "node:os";
import type { Registry } from "prom-client";
import { pause } from "../kube/backoff.ts";
import { Cache, type CacheOptions } from "../kube/cache.ts";
import { type Fence, FencedError, isConflict, type KubeClient } from "../kube/client.ts";
import { describe, type Log } from "../kube/log.ts";
import { type Key, type Kind, type KubeObject, keyOf, keyString } from "../kube/object.ts";
import { Applier } from "./applier.ts";
import type { Reader, View, Watch } from "./contract.ts";
import type { EffectTable } from "./effects.ts";
import { type CacheLookup, kindString, Live } from "./live.ts";
import { type ManagerMetrics, metricsIn } from "./metrics.ts";
import { type AnyReconciler, Pass } from "./pass.ts";
import { Queue } from "./queue.ts";
import { readerOf, UnreadableError } from "./reader.ts";
import { References } from "./references.ts";
import { allOf, retryAfterSeconds } from "./writes.ts";

export interface ManagerOptions {
  readonly client: KubeClient;
  /** All reconcilers of the process; their caches are shared. */
  readonly reconcilers: readonly AnyReconciler[];
  readonly effects?: EffectTable;
  /** Asked before every write. Absent: this process is the only one by construction (an agent). */
  readonly fence?: Fence;
  readonly log: Log;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
  /** How kinds are cached, where not whole: namespace, indexes, transform. */
  readonly cacheOptions?: ReadonlyMap<Kind<KubeObject>, Omit<CacheOptions<KubeObject>, "log" | "onRelist" | "onRestart">>;
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
  /** Has every subject worked on once more: something that plans look at has changed, and no object tells. */
  readonly wake: () => void;
}

const BACKOFF = { baseMs: 50, capMs: 60_000 };
/** A conflict says that a cache was behind, and passes with the next event; only one that does not is for a person. */
const CONFLICTS_BEFORE_WARNING = 3;

/** Runs all reconcilers of a process on shared caches until the signal aborts. */
export const runReconcilers = (options: ManagerOptions): Promise<void> => startReconcilers(options).done;

export function startReconcilers(options: ManagerOptions): RunningManager {
  const engine = new Manager(options);
  return { done: engine.run(options.signal), check: () => engine.check(), wake: () => engine.wake() };
}

class Manager {
  readonly #options: ManagerOptions;
  readonly #client: KubeClient;
  readonly #caches = new Map<string, Cache<KubeObject>>();
  readonly #queues = new Map<AnyReconciler, Queue>();
  readonly #metrics: ManagerMetrics;
  readonly #cacheOf: CacheLookup;
  readonly #live: Live;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#client = options.fence === undefined ? options.client : options.client.fenced(options.fence);
    this.#metrics = metricsIn(options.metrics, () =>
      [...this.#queues].map(([{ name }, queue]) => [name, queue.depth, queue.running] as const),
    );
    this.#cacheOf = <T extends KubeObject>(kind: Kind<T>) => this.#caches.get(kindString(kind)) as Cache<T> | undefined;
    this.#live = new Live(this.#client, this.#cacheOf);
    for (const reconciler of options.reconcilers) {
      for (const kind of kindsOf(reconciler)) this.#declare(kind);
    }
    for (const reconciler of options.reconcilers) this.#add(reconciler);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const cache of this.#caches.values()) cache.start(signal);
    await Promise.all([...this.#queues].map(([reconciler, queue]) => this.#runOne(reconciler, queue, signal)));
  }

  check(): true | string {
    const missing = [...this.#caches.values()]
      .filter((cache) => !cache.hasSynced)
      .map(({ kind, lastError }) => `${kind.plural} (${lastError ?? "no answer yet"})`);
    return missing.length === 0 ? true : `not listed yet: ${missing.join(", ")}`;
  }

  wake(): void {
    for (const [reconciler, queue] of this.#queues) this.#addAll(reconciler, queue);
  }

  #declare(kind: Kind<KubeObject>): void {
    if (this.#caches.has(kindString(kind))) return;
    const { log, cacheOptions } = this.#options;
    const chosen = [...(cacheOptions ?? [])].find(([of]) => kindString(of) === kindString(kind))?.[1];
    const cache = new Cache(this.#client, kind, {
      ...chosen,
      log,
      onRelist: () => this.#metrics.relists.inc({ kind: kind.kind }),
      onRestart: () => this.#metrics.watchRestarts.inc({ kind: kind.kind }),
    });
    this.#caches.set(kindString(kind), cache);
  }

  #add(reconciler: AnyReconciler): void {
    const { log, effects = {}, now = () => new Date() } = this.#options;
    const read = readerOf(this.#cacheOf, this.#live);
    const references = new References();
    const client = this.#client;
    const applier = new Applier({
      client,
      fieldManager: reconciler.name,
      cacheOf: this.#cacheOf,
      live: this.#live,
      onWrite: (kind, outcome) => this.#metrics.writes.inc({ reconciler: reconciler.name, kind, outcome }),
    });
    const remember = references.set.bind(references);
    const pass = new Pass(reconciler, { client, applier, live: this.#live, read, effects, log, now, instance: hostname(), remember });
    const queue = new Queue((key, signal) => this.#measured(reconciler, pass, key, signal), {
      workers: this.#options.workers ?? 8,
      backoff: BACKOFF,
      leastDelayMs,
      onError: (key, error, failures, retryInMs) => this.#tell(reconciler, key, error, failures, retryInMs),
    });
    this.#queues.set(reconciler, queue);
    const onChange = (kind: Kind<KubeObject>, changed: (is: KubeObject | undefined, was: KubeObject | undefined) => void): void => {
      const view = reconciler.looksAt?.find((one) => kindString(one.kind) === kindString(kind));
      this.#cacheOf(kind)?.onChange((is, was) => {
        if (!looksTheSame(view, is, was)) changed(is, was);
      });
    };
    onChange(reconciler.subject, (is, was) => queue.add(keyOf((is ?? was) as KubeObject)));
    for (const watch of reconciler.watches) {
      onChange(watch.kind, (is, was) => {
        // The old form too: what an object no longer points at must also hear of it.
        for (const object of [is, was]) if (object !== undefined) for (const key of subjectsOf(watch, object, read)) queue.add(key);
      });
    }
    // What a plan applied or removes wakes its subject without a declared watch: drift is seen, and the end of a deletion.
    for (const kind of reconciler.owns.kinds) {
      onChange(kind, (is, was) => {
        for (const key of references.subjectsOf((is ?? was) as KubeObject)) queue.add(key);
      });
    }
  }

  /** Begins when the reconciler's kinds are known, or when one of them cannot be had: then it says so in its conditions. */
  async #runOne(reconciler: AnyReconciler, queue: Queue, signal: AbortSignal): Promise<void> {
    const caches = kindsOf(reconciler).map((kind) => this.#cacheOf(kind));
    const synced = Promise.allSettled(caches.map((cache) => cache?.synced));
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
    await queue.run(signal);
  }

  #addAll(reconciler: AnyReconciler, queue: Queue): void {
    for (const subject of this.#cacheOf(reconciler.subject)?.list() ?? []) queue.add(keyOf(subject));
  }

  async #measured(reconciler: AnyReconciler, pass: Pass, key: Key, signal: AbortSignal): Promise<{ againAfterMs?: number } | undefined> {
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

  #tell({ name }: AnyReconciler, key: Key, error: unknown, failures: number, retryInMs: number): void {
    const level = allOf(error, isConflict) && failures < CONFLICTS_BEFORE_WARNING ? "debug" : "warn";
    this.#options.log[level]("reconciling failed", {
      reconciler: name,
      subject: keyString(key),
      failures,
      retryInMs,
      error: describe(error),
    });
  }
}

/** While a kind that a map looks into is not known yet, nobody is woken: once it is, every subject is worked on. */
function subjectsOf(watch: Watch, object: KubeObject, read: Reader): readonly Key[] {
  try {
    return watch.toSubjects(object, read);
  } catch (error) {
    if (error instanceof UnreadableError) return [];
    throw error;
  }
}

/** An object that came, went or was made anew never looks as before. */
function looksTheSame(view: View | undefined, is: KubeObject | undefined, was: KubeObject | undefined): boolean {
  if (view === undefined || is === undefined || was === undefined || is.metadata.uid !== was.metadata.uid) return false;
  return JSON.stringify(view.of(is)) === JSON.stringify(view.of(was));
}

const kindsOf = (reconciler: AnyReconciler): readonly Kind<KubeObject>[] => [
  reconciler.subject,
  ...reconciler.watches.map(({ kind }) => kind),
  ...reconciler.owns.kinds,
];

const leastDelayMs = (error: unknown): number => (error instanceof FencedError ? 1000 : retryAfterSeconds(error) * 1000);
