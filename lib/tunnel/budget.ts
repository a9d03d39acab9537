// What the streams of all tunnels of a process hold for readers that do not come. Each alone is bounded by its credit and its buffers;
// here they are bounded together.
import type { RequestHead } from "./head.ts";

/** A stream, as far as it matters here. */
export interface Holder {
  readonly request: Pick<RequestHead, "user">;
  /** Ends the stream because it was unread for longest. */
  giveUp(): void;
}

interface Held {
  bytes: number;
  /** Those that hold something; the one of which something was read last comes last. */
  readonly streams: Map<Holder, number>;
}

export class ByteBudget {
  readonly limitBytes: number;
  readonly #users = new Map<string, Held>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Half of it is used: no stream should be given more credit than it began with. */
  get scarce(): boolean {
    return this.#bytes * 2 >= this.limitBytes;
  }

  /**
   * The stream holds so many bytes now; `progress`: something of it was read or sent. When all hold too much, then of the user who holds
   * most the stream that was unread for longest is given up.
   */
  hold(stream: Holder, bytes: number, progress: boolean): void {
    this.#set(stream, bytes, progress);
    while (this.#bytes > this.limitBytes) {
      const longest = this.#longestUnread();
      if (longest === undefined) return;
      this.#set(longest, 0, false);
      longest.giveUp();
    }
  }

  #set(stream: Holder, bytes: number, progress: boolean): void {
    const { user } = stream.request;
    const held = this.#users.get(user) ?? { bytes: 0, streams: new Map<Holder, number>() };
    const before = held.streams.get(stream) ?? 0;
    if (bytes === 0 && before === 0) return;
    if (progress || bytes === 0) held.streams.delete(stream);
    if (bytes > 0) held.streams.set(stream, bytes);
    held.bytes += bytes - before;
    this.#bytes += bytes - before;
    if (held.bytes > 0) this.#users.set(user, held);
    else this.#users.delete(user);
  }

  #longestUnread(): Holder | undefined {
    let most: Held | undefined;
    for (const held of this.#users.values()) if (most === undefined || held.bytes > most.bytes) most = held;
    return most?.streams.keys().next().value;
  }
}
