// Limits the bytes that all tunnel streams of a process buffer for slow readers. Credit and buffers bound each stream;
// this bounds all of them together.
import type { RequestHead } from "./head.ts";

/** A stream as the budget sees it. */
export interface BudgetedStream {
  readonly request: Pick<RequestHead, "user">;
  /** Resets the stream, because it was unread for longest. */
  evict(): void;
}

interface Usage {
  bytes: number;
  /** Buffered bytes by stream, in the order of the last progress: the stream unread for longest comes first. */
  readonly streams: Map<BudgetedStream, number>;
}

export class ByteBudget {
  readonly limitBytes: number;
  readonly #users = new Map<string, Usage>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Bytes that all streams buffer now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At least half of the budget is used: streams get no more credit than they started with. */
  get scarce(): boolean {
    return this.#bytes * 2 >= this.limitBytes;
  }

  /**
   * Records how many bytes the stream buffers now. `progress`: some of its bytes were read or sent. When the total exceeds the limit,
   * the user who buffers most loses the stream that was unread for longest.
   */
  update(stream: BudgetedStream, bytes: number, progress: boolean): void {
    this.#set(stream, bytes, progress);
    while (this.#bytes > this.limitBytes) {
      const longest = this.#longestUnread();
      if (longest === undefined) return;
      this.#set(longest, 0, false);
      longest.evict();
    }
  }

  #set(stream: BudgetedStream, bytes: number, progress: boolean): void {
    const { user } = stream.request;
    const usage = this.#users.get(user) ?? { bytes: 0, streams: new Map<BudgetedStream, number>() };
    const before = usage.streams.get(stream) ?? 0;
    if (bytes === 0 && before === 0) return;
    if (progress || bytes === 0) usage.streams.delete(stream);
    if (bytes > 0) usage.streams.set(stream, bytes);
    usage.bytes += bytes - before;
    this.#bytes += bytes - before;
    if (usage.bytes > 0) this.#users.set(user, usage);
    else this.#users.delete(user);
  }

  #longestUnread(): BudgetedStream | undefined {
    let most: Usage | undefined;
    for (const usage of this.#users.values()) if (most === undefined || usage.bytes > most.bytes) most = usage;
    return most?.streams.keys().next().value;
  }
}
