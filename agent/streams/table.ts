// The long-running requests that are open through this agent, and their end when the right they rest on has ended.
import type { RequestInfo } from "./request-info.ts";

/** A person as the API server sees them. */
export interface Person {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface OpenStream {
  readonly person: Person;
  readonly info: RequestInfo;
  /** A change of protocol: for a GET the API server also asks for the verb create on exec, attach and portforward. */
  readonly upgrade: boolean;
  end(reason: string): void;
}

/** Asks the API server; rejects when it cannot be asked. */
export type Review = (person: Person, info: RequestInfo, signal: AbortSignal) => Promise<boolean>;

export interface TableOptions {
  readonly review: Review;
  readonly signal: AbortSignal;
  readonly onEnded?: (stream: OpenStream) => void;
  /** After how long to ask once more: in a cluster of several API servers the others hear of a change a little later. */
  readonly againMs?: number;
}

const REVIEWS_AT_ONCE = 8;
const AGAIN_MS = 3_000;
/** Rights end in other ways than through this agent, too: what is open is asked about now and then. */
const ROUTINE_MS = 60_000;

export class StreamTable {
  readonly #open = new Set<OpenStream>();
  readonly #options: TableOptions;
  #round: Promise<void> | undefined;
  #wanted = false;
  #timer: NodeJS.Timeout | undefined;
  /** How many streams were ended because a right ended. */
  ended = 0;

  constructor(options: TableOptions) {
    this.#options = options;
    const routine = setInterval(() => void this.#rounds(), ROUTINE_MS).unref();
    options.signal.addEventListener(
      "abort",
      () => {
        clearTimeout(this.#timer);
        clearInterval(routine);
      },
      { once: true },
    );
  }

  get size(): number {
    return this.#open.size;
  }

  /** Returns what takes the stream out again. */
  add(stream: OpenStream): () => void {
    this.#open.add(stream);
    return () => void this.#open.delete(stream);
  }

  /** Rights were withdrawn: asks about every open stream, now and once more a little later. Resolves after the first round. */
  async recheck(): Promise<void> {
    if (this.#options.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#rounds(), this.#options.againMs ?? AGAIN_MS).unref();
    await this.#rounds();
  }

  /** One round at a time; what is wanted meanwhile is one more round, because the one under way may have asked too early. */
  async #rounds(): Promise<void> {
    this.#wanted = true;
    this.#round ??= (async () => {
      try {
        while (this.#wanted && !this.#options.signal.aborted) {
          this.#wanted = false;
          await this.#askAll();
        }
      } finally {
        this.#round = undefined;
      }
    })();
    await this.#round;
  }

  async #askAll(): Promise<void> {
    const questions = [...groupByQuestion(this.#open).values()];
    let failed = false;
    const worker = async (): Promise<void> => {
      for (let next = questions.pop(); next !== undefined; next = questions.pop()) {
        try {
          if (!(await this.#allowed(next.streams[0], next.verbs))) for (const stream of next.streams) this.#end(stream);
        } catch {
          failed = true;
        }
      }
    };
    await Promise.all(Array.from({ length: REVIEWS_AT_ONCE }, worker));
    // Not being able to ask is no answer: asked again until there is one.
    if (failed && !this.#options.signal.aborted) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#rounds(), this.#options.againMs ?? AGAIN_MS).unref();
    }
  }

  async #allowed(stream: OpenStream | undefined, verbs: readonly string[]): Promise<boolean> {
    if (stream === undefined) return true;
    for (const verb of verbs) {
      if (!(await this.#options.review(stream.person, { ...stream.info, verb }, this.#options.signal))) return false;
    }
    return true;
  }

  #end(stream: OpenStream): void {
    if (!this.#open.delete(stream)) return;
    this.ended++;
    this.#options.onEnded?.(stream);
    stream.end("the right to this stream has ended");
  }
}

const CREATE_TOO: ReadonlySet<string> = new Set(["exec", "attach", "portforward"]);

/** Streams that ask the same question of the API server, asked once. */
function groupByQuestion(open: Iterable<OpenStream>): Map<string, { streams: OpenStream[]; verbs: readonly string[] }> {
  const questions = new Map<string, { streams: OpenStream[]; verbs: readonly string[] }>();
  for (const stream of open) {
    const { person, info } = stream;
    const key = JSON.stringify([person.user, person.uid, [...person.groups].sort(), person.extra, info, stream.upgrade]);
    const verbs = stream.upgrade && info.verb === "get" && CREATE_TOO.has(info.subresource) ? ["get", "create"] : [info.verb];
    const question = questions.get(key) ?? { streams: [], verbs };
    question.streams.push(stream);
    questions.set(key, question);
  }
  return questions;
}
