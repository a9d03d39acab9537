// Refused requests whose answer the client has not read yet. An answer waits for room, and HTTP lets the client withhold it for as long as it
// likes: clients that send requests and read nothing would fill the memory.
import { REFUSAL_TIMEOUT_MS } from "../lib/server/raw-answer.ts";

/** The limit of what waiting refusals hold together, and of what refusals hold that were ended and are still there. Beyond it the oldest ends. */
const LIMIT_BYTES = 8 * 1024 * 1024;
/** What an open request costs besides its head: the objects of node and of this process, and the answer. */
const REQUEST_BYTES = 8 * 1024;

/** "exchange": this request alone; "connection": everything on its connection, because the client does not take the end of the request either. */
export type End = (what: "exchange" | "connection") => void;

interface Pending {
  readonly bytes: number;
  readonly end: End;
}

export class PendingRefusals {
  readonly #waiting = new PendingSet();
  readonly #ended = new PendingSet();
  readonly #timers = new Map<Pending, NodeJS.Timeout>();

  get count(): number {
    return this.#waiting.size + this.#ended.size;
  }
  get bytes(): number {
    return this.#waiting.bytes + this.#ended.bytes;
  }
  /** `bytes` never exceeds this. */
  get budgetBytes(): number {
    return 2 * LIMIT_BYTES;
  }

  /** `head`: the request's raw headers. Returns the function to call when the exchange is over; idempotent. */
  add(head: readonly string[], end: End): () => void {
    const pending = { bytes: head.reduce((sum, text) => sum + text.length, REQUEST_BYTES), end };
    this.#waiting.add(pending);
    this.#timers.set(pending, setTimeout(() => this.#end(pending), REFUSAL_TIMEOUT_MS).unref());
    for (const oldest of this.#waiting.over(LIMIT_BYTES)) this.#end(oldest);
    return () => this.#remove(pending);
  }

  #end(pending: Pending): void {
    this.#remove(pending);
    this.#ended.add(pending);
    pending.end("exchange");
    for (const oldest of this.#ended.over(LIMIT_BYTES)) {
      this.#remove(oldest);
      oldest.end("connection");
    }
  }

  #remove(pending: Pending): void {
    clearTimeout(this.#timers.get(pending));
    this.#timers.delete(pending);
    this.#waiting.delete(pending);
    this.#ended.delete(pending);
  }
}

/** In the order of arrival, with the sum of what they hold. */
class PendingSet {
  readonly #all = new Set<Pending>();
  bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  add(pending: Pending): void {
    this.#all.add(pending);
    this.bytes += pending.bytes;
  }

  delete(pending: Pending): void {
    if (this.#all.delete(pending)) this.bytes -= pending.bytes;
  }

  /** The oldest, for as long as all together hold more than `limit`; each has to be removed before the next is asked for. */
  *over(limit: number): Iterable<Pending> {
    for (const oldest of this.#all) {
      if (this.bytes <= limit) return;
      yield oldest;
    }
  }
}
