import { type BackoffLimits, fullJitterMs } from "../kube/backoff.ts";
import { type Key, keyString } from "../kube/object.ts";

/** Works on one key; never called twice at once for the same one. May ask to be called again; a rejection is retried with backoff. */
export type Work = (key: Key, signal: AbortSignal) => Promise<{ readonly requeueAfterMs?: number } | undefined>;

export interface QueueOptions {
  /** How many keys are worked on at once. */
  readonly workers: number;
  readonly backoff: BackoffLimits;
  readonly random?: () => number;
  /** The least wait that an error asks for (Retry-After), in ms. */
  readonly leastDelayMs?: (error: unknown) => number;
  readonly onError?: (key: Key, error: unknown, failures: number, retryInMs: number) => void;
}

/** Node's timers overflow at 2^31 ms; working on a key early is always allowed, so far dates are approached in steps. */
const LONGEST_TIMER_MS = 24 * 3600 * 1000;

interface Entry {
  readonly key: Key;
  /** Waits for a worker (when running: will be worked on once more). */
  dirty: boolean;
  running: boolean;
  failures: number;
  /** The earliest of the times at which somebody wants it worked on. */
  timer: NodeJS.Timeout | undefined;
  dueAt: number;
}

/**
 * A queue of keys, never of events: adding a key that already waits changes nothing, adding one that is being worked on has it worked on
 * once more afterwards. Work is begun in the order in which keys were added.
 */
export class Queue {
  readonly #work: Work;
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  #ready: Entry[] = [];
  #running = 0;
  #signal: AbortSignal | undefined;
  #idle: (() => void) | undefined;

  constructor(work: Work, options: QueueOptions) {
    this.#work = work;
    this.#options = options;
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#ready.length;
  }

  /** Keys that are being worked on. */
  get running(): number {
    return this.#running;
  }

  /** As soon as possible: what changed is news, also for a key that waits after a failure. */
  add(key: Key): void {
    if (this.#signal?.aborted) return;
    const entry = this.#entry(key);
    this.#disarm(entry);
    if (entry.dirty) return;
    entry.dirty = true;
    if (!entry.running) this.#ready.push(entry);
    this.#dispatch();
  }

  /** Not later than in `ms`; an earlier wish stays. */
  addAfter(key: Key, ms: number): void {
    if (this.#signal?.aborted) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const entry = this.#entry(key);
    if (entry.dirty) return;
    const bounded = Math.min(ms, LONGEST_TIMER_MS);
    const dueAt = performance.now() + bounded;
    if (entry.timer !== undefined && entry.dueAt <= dueAt) return;
    this.#disarm(entry);
    entry.dueAt = dueAt;
    entry.timer = setTimeout(() => this.add(key), bounded);
  }

  /** Works until the signal aborts; resolves when the last worker has ended. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#dispatch();
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (const entry of this.#entries.values()) this.#disarm(entry);
    this.#ready = [];
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
  }

  #entry(key: Key): Entry {
    const name = keyString(key);
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { key, dirty: false, running: false, failures: 0, timer: undefined, dueAt: 0 };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  #disarm(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = undefined;
  }

  #dispatch(): void {
    while (this.#signal !== undefined && !this.#signal.aborted && this.#running < this.#options.workers) {
      const entry = this.#ready.shift();
      if (entry === undefined) return;
      entry.dirty = false;
      entry.running = true;
      this.#running++;
      // Never rejects: #one catches everything.
      void this.#one(entry, this.#signal);
    }
  }

  async #one(entry: Entry, signal: AbortSignal): Promise<void> {
    let delayMs: number | undefined;
    try {
      const result = await this.#work(entry.key, signal);
      entry.failures = 0;
      delayMs = result?.requeueAfterMs;
    } catch (error) {
      const least = this.#options.leastDelayMs?.(error) ?? 0;
      delayMs = Math.max(fullJitterMs(entry.failures, this.#options.backoff, this.#options.random), least, 1);
      entry.failures++;
      if (!signal.aborted) this.#options.onError?.(entry.key, error, entry.failures, delayMs);
    }
    entry.running = false;
    this.#running--;
    if (signal.aborted) {
      if (this.#running === 0) this.#idle?.();
      return;
    }
    if (entry.dirty) this.#ready.push(entry);
    else if (delayMs !== undefined) this.addAfter(entry.key, delayMs);
    else if (entry.timer === undefined) this.#entries.delete(keyString(entry.key));
    this.#dispatch();
  }
}
