// Refused requests whose answer the client has not taken yet. Whoever asks without reading would otherwise fill the memory: an answer
// waits for room, and HTTP lets the client withhold it for as long as it likes.

/** How long a client may take to read why it was refused, and to stop sending. */
export const LINGER_MS = 5_000;
/** What all that wait may hold, and what all that were ended and are still there may hold. Over it the oldest of them goes. */
const WAITING_BYTES = 8 * 1024 * 1024;
/** What an open request costs besides its head: the objects of node and of this process, and the answer. */
const REQUEST_BYTES = 8 * 1024;

/** "exchange": this request alone; "connection": all that shares its connection, because the client does not take the former either. */
export type End = (what: "exchange" | "connection") => void;

interface Unread {
  readonly bytes: number;
  readonly end: End;
}

export class UnreadRefusals {
  readonly #waiting = new Sum();
  readonly #ended = new Sum();
  readonly #timers = new Map<Unread, NodeJS.Timeout>();

  get count(): number {
    return this.#waiting.size + this.#ended.size;
  }
  get bytes(): number {
    return this.#waiting.bytes + this.#ended.bytes;
  }
  /** More than this is never held. */
  get budgetBytes(): number {
    return 2 * WAITING_BYTES;
  }

  /** `head`: the request's raw headers. Returns what to call when the exchange is over; idempotent. */
  add(head: readonly string[], end: End): () => void {
    const unread = { bytes: head.reduce((sum, text) => sum + text.length, REQUEST_BYTES), end };
    this.#waiting.add(unread);
    this.#timers.set(unread, setTimeout(() => this.#end(unread), LINGER_MS).unref());
    for (const oldest of this.#waiting.over(WAITING_BYTES)) this.#end(oldest);
    return () => this.#remove(unread);
  }

  #end(unread: Unread): void {
    this.#remove(unread);
    this.#ended.add(unread);
    unread.end("exchange");
    for (const oldest of this.#ended.over(WAITING_BYTES)) {
      this.#remove(oldest);
      oldest.end("connection");
    }
  }

  #remove(unread: Unread): void {
    clearTimeout(this.#timers.get(unread));
    this.#timers.delete(unread);
    this.#waiting.delete(unread);
    this.#ended.delete(unread);
  }
}

/** A set in the order of its members' arrival, and what they hold together. */
class Sum {
  readonly #all = new Set<Unread>();
  bytes = 0;

  get size(): number {
    return this.#all.size;
  }

  add(unread: Unread): void {
    this.#all.add(unread);
    this.bytes += unread.bytes;
  }

  delete(unread: Unread): void {
    if (this.#all.delete(unread)) this.bytes -= unread.bytes;
  }

  /** The oldest, for as long as all together hold more; each is to be removed before the next is asked for. */
  *over(limit: number): Iterable<Unread> {
    for (const oldest of this.#all) {
      if (this.bytes <= limit) return;
      yield oldest;
    }
  }
}
