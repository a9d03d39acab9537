import type { Duplex } from "node:stream";
import { encodeFrames, pingFrame } from "./encode.ts";
import { ACK, type Frame, HEADER_BYTES } from "./frame.ts";

/** Once so many bytes are gathered they are written at once, rather than at the end of the turn of the event loop. */
const FLUSH_BYTES = 64 * 1024;
/** What a queued frame costs besides its bytes: it is an object, and most frames are small. */
const FRAME_BYTES = 200;

/** A stream that has DATA to send and waits until the connection takes more. */
export interface Sender {
  /** Sends at most one frame. */
  resumeSending(): void;
}

/** The sending side of a connection: gathers the frames of one turn of the event loop into one write, and lets waiting streams send in turn. */
export class Outbox {
  readonly #duplex: Duplex;
  readonly #maxBacklogBytes: number;
  #frames: Frame[] = [];
  #bytes = 0;
  /** Sent after everything else that is gathered. A later PING replaces the answer to an earlier one. */
  #pong: Buffer | undefined;
  #flushing: NodeJS.Immediate | undefined;
  /** The connection's own buffer is full: frames stay here until it drains. */
  #full = false;
  #closed = false;
  readonly #waiting = new Set<Sender>();

  constructor(duplex: Duplex, { maxBacklogBytes }: { readonly maxBacklogBytes: number }) {
    this.#duplex = duplex;
    this.#maxBacklogBytes = maxBacklogBytes;
    duplex.on("drain", () => this.#drained());
  }

  /** Whether DATA should wait. Other frames are sent all the same. */
  get congested(): boolean {
    return this.#full || this.#bytes >= FLUSH_BYTES;
  }

  /** Bytes that are not yet handed to the operating system. */
  get bufferedBytes(): number {
    return this.#bytes + this.#duplex.writableLength;
  }

  /** Returns false when more than `maxBacklogBytes` wait for a peer that does not read. */
  send(frame: Frame): boolean {
    this.#frames.push(frame);
    this.#bytes += HEADER_BYTES + frame.bytes;
    if (this.#bytes >= FLUSH_BYTES && !this.#full) this.#write();
    if (this.bufferedBytes + this.#frames.length * FRAME_BYTES > this.#maxBacklogBytes) return false;
    this.#flushSoon();
    return true;
  }

  answerPing(payload: Buffer): void {
    this.#pong = Buffer.from(payload);
    this.#flushSoon();
  }

  /** Calls `sender.resumeSending()` once when there is room, in turn with the others that wait. */
  waitToSend(sender: Sender): void {
    this.#waiting.add(sender);
    this.#flushSoon();
  }

  release(sender: Sender): void {
    this.#waiting.delete(sender);
  }

  /** Writes what is gathered, ends the sending side of the connection, and sends nothing more. */
  close(): void {
    if (!this.#duplex.writableEnded && !this.#duplex.destroyed) {
      this.#write();
      this.#duplex.end();
    }
    this.#closed = true;
    clearImmediate(this.#flushing);
    this.#waiting.clear();
  }

  /** At the end of this turn of the event loop, so that frames of its other events go into the same write. */
  #flushSoon(): void {
    if (!this.#full) this.#flushing ??= setImmediate(() => this.#flush());
  }

  /** Writes what is gathered. Then each stream that waits sends one frame, as long as the connection takes it. */
  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#closed) return;
    if (!this.#full) this.#write();
    let turns = this.#waiting.size;
    for (const sender of this.#waiting) {
      if (this.congested || turns-- === 0) break;
      this.#waiting.delete(sender);
      sender.resumeSending();
    }
    if (this.#waiting.size > 0) this.#flushSoon();
  }

  #write(): void {
    if (this.#pong !== undefined) this.#frames.push(pingFrame(this.#pong, ACK));
    this.#pong = undefined;
    if (this.#frames.length === 0) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    this.#duplex.cork();
    for (const buffer of encodeFrames(frames)) this.#duplex.write(buffer);
    this.#duplex.uncork();
    this.#full = this.#duplex.writableNeedDrain;
  }

  #drained(): void {
    this.#full = false;
    this.#flush();
  }
}
