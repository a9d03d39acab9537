import { Duplex } from "node:stream";
import type { BudgetedStream, ByteBudget } from "./budget.ts";
import { dataFrame, endFrame, headFrame, resetFrame, windowFrame } from "./encode.ts";
import { codeFromWire, TunnelCode, TunnelError } from "./errors.ts";
import { type Frame, MAX_WINDOW_BYTES } from "./frame.ts";
import { parseResponseHead, type RequestHead, type ResponseHead } from "./head.ts";
import { ByteQueue } from "./queue.ts";

/** What a stream needs from the connection that carries it. */
export interface Link {
  readonly initialWindowBytes: number;
  readonly windowBytes: number;
  /** Shared with all streams of the process. */
  readonly budget: ByteBudget;
  readonly maxDataBytes: number;
  readonly maxHeadBytes: number;
  /** The connection buffers enough bytes; DATA has to wait for its turn. */
  readonly congested: boolean;
  send(frame: Frame): void;
  /** Calls `stream.resumeSending()` when there is room, in turn with the other waiting streams. */
  waitToSend(stream: Stream): void;
  /** The stream is over in both directions, or was aborted: nothing more is sent or received for it. */
  release(stream: Stream): void;
}

/**
 * One request and its response. As a Duplex it carries the two bodies, with backpressure in both directions. Errors arrive as
 * TunnelError; a stream without an error listener ends without one being thrown.
 *
 * Emits, besides the events of a Duplex: "head" (ResponseHead), on the opener's side.
 */
export class Stream extends Duplex implements BudgetedStream {
  readonly id: number;
  readonly request: RequestHead;
  /** The response head, on the opener's side. Rejects with a TunnelError when the stream ends before it; need not be awaited. */
  readonly head: Promise<ResponseHead>;
  /** Bytes of body sent and received so far. */
  bytesSent = 0;
  bytesReceived = 0;

  readonly #link: Link;
  readonly #opener: boolean;
  readonly #headPromise = Promise.withResolvers<ResponseHead>();
  #headDone = false;

  // Receiving.
  /** Bytes that the peer may still send. */
  #window: number;
  /** Bytes that the peer may have sent and that are unread; grows once. */
  #targetWindow: number;
  /** Bytes that were read since the last WINDOW. */
  #ungranted = 0;
  readonly #received = new ByteQueue();
  /** The reader asked for data, and has not got any since. */
  #readRequested = false;
  #remoteEnded = false;

  // Sending: the credit that the peer gave, and the write that waits for it.
  #credit: number;
  #unsent: Buffer | undefined;
  #written: ((error?: Error | null) => void) | undefined;
  #localEnded = false;

  #released = false;
  /** Whether the budget counts bytes of this stream. */
  #counted = false;

  constructor(link: Link, id: number, request: RequestHead, opener: boolean) {
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024, allowHalfOpen: true, decodeStrings: true });
    this.#link = link;
    this.id = id;
    this.request = request;
    this.#opener = opener;
    this.#window = link.initialWindowBytes;
    this.#targetWindow = link.initialWindowBytes;
    this.#credit = link.initialWindowBytes;
    this.head = this.#headPromise.promise;
    this.head.catch(ignore);
    this.on("error", ignore);
  }

  /** Bytes received and not yet read; bounded by the credit given to the peer. */
  get unreadBytes(): number {
    return this.#received.length + this.readableLength;
  }

  /** Sends the response head: once, by the acceptor, before any byte of the body. Throws a RangeError when it is longer than `maxHeadBytes`. */
  sendHead(head: ResponseHead): void {
    if (this.#opener || this.#headDone) throw new Error("a head is sent once, by the acceptor");
    if (this.#released) return;
    const frame = headFrame(this.id, JSON.stringify(head));
    if (frame.bytes > this.#link.maxHeadBytes)
      throw new RangeError(`the response headers take ${frame.bytes} bytes, more than the tunnel carries`);
    this.#headDone = true;
    this.#link.send(frame);
  }

  /** Ends the stream in both directions and sends the reason to the peer. Idempotent. */
  reset(code: TunnelCode, message = ""): void {
    this.destroy(new TunnelError(code, message));
  }

  evict(): void {
    this.reset(TunnelCode.Unread, "unread data took too much memory, and this stream was unread for longest");
  }

  // ── from the session ──

  receiveHead(payload: Buffer): void {
    if (!this.#opener || this.#headDone) throw new TunnelError(TunnelCode.Protocol, "the peer sent an unexpected HEAD");
    let head: ResponseHead;
    try {
      head = parseResponseHead(payload);
    } catch (error) {
      // Only this stream ends: one pod may have sent the head, and other responses must not suffer.
      this.destroy(error as TunnelError);
      return;
    }
    this.#headDone = true;
    this.#headPromise.resolve(head);
    this.emit("head", head);
  }

  receiveData(piece: Buffer): void {
    if (this.#remoteEnded || (this.#opener && !this.#headDone)) throw new TunnelError(TunnelCode.Protocol, "the peer sent unexpected DATA");
    this.#window -= piece.length;
    if (this.#window < 0) throw new TunnelError(TunnelCode.FlowControl, "the peer sent more than it had credit for");
    this.bytesReceived += piece.length;
    // A reader that keeps up gets the piece directly; everything else is copied into the queue, which does not keep the socket's chunk.
    if (this.readableFlowing && this.readableLength === 0 && this.#received.length === 0) {
      this.push(piece);
      this.#grant(piece.length);
      return;
    }
    this.#received.push(piece);
    if (this.#readRequested) this.#deliver();
    this.#account(false);
  }

  receiveEnd(): void {
    if (this.#remoteEnded || (this.#opener && !this.#headDone))
      throw new TunnelError(TunnelCode.Protocol, "the peer sent an unexpected END");
    this.#remoteEnded = true;
    if (this.#received.length === 0) this.push(null);
    else if (this.#readRequested) this.#deliver();
    this.#releaseIfOver();
  }

  receiveReset(code: number, message: string): void {
    this.abort(new TunnelError(codeFromWire(code), message, true));
  }

  receiveWindow(increment: number): void {
    if (increment === 0 || this.#credit + increment > MAX_WINDOW_BYTES)
      throw new TunnelError(TunnelCode.Protocol, "the peer granted an impossible credit");
    this.#credit += increment;
    this.resumeSending();
  }

  /** Sends at most one frame of the waiting write, if there is credit and room. */
  resumeSending(): void {
    const unsent = this.#unsent;
    if (unsent === undefined || this.#credit === 0) return;
    if (this.#link.congested) {
      this.#link.waitToSend(this);
      return;
    }
    const length = Math.min(unsent.length, this.#credit, this.#link.maxDataBytes);
    const waited = this.#counted;
    this.#credit -= length;
    this.bytesSent += length;
    this.#link.send(dataFrame(this.id, length === unsent.length ? unsent : unsent.subarray(0, length)));
    if (length < unsent.length) {
      this.#unsent = unsent.subarray(length);
      this.#link.waitToSend(this); // behind the other waiting streams
    } else {
      this.#unsent = undefined;
      const written = this.#written;
      this.#written = undefined;
      written?.();
    }
    if (waited) this.#account(true);
  }

  /** Ends the stream without a RESET, because the peer knows or is gone. */
  abort(error: TunnelError): void {
    this.#release();
    this.destroy(error);
  }

  // ── implementation of Duplex ──

  override _read(): void {
    this.#readRequested = true;
    this.#deliver();
  }

  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    if (this.#counted && piece !== null) this.#account(true);
    return piece;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (!this.#opener && !this.#headDone) callback(new Error("the head comes before the body"));
    else if (chunk.length === 0) callback();
    else {
      this.#unsent = chunk;
      this.#written = callback;
      this.resumeSending();
      if (this.#unsent !== undefined) this.#account(false);
    }
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (!this.#opener && !this.#headDone) {
      callback(new Error("the head comes before the end"));
      return;
    }
    this.#localEnded = true;
    if (!this.#released) this.#link.send(endFrame(this.id));
    this.#releaseIfOver();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#released) {
      const over = this.#localEnded && this.#remoteEnded;
      if (!over) {
        const cause = error instanceof TunnelError ? error : undefined;
        this.#link.send(resetFrame(this.id, cause?.code ?? (error ? TunnelCode.Internal : TunnelCode.Cancelled), cause?.message ?? ""));
      }
      this.#release();
    }
    if (this.#counted) this.#link.budget.update(this, 0, false);
    this.#counted = false;
    if (!this.#headDone)
      this.#headPromise.reject(error ?? new TunnelError(TunnelCode.Cancelled, "the stream was ended before its response"));
    this.#received.clear();
    const written = this.#written;
    this.#unsent = undefined;
    this.#written = undefined;
    written?.(error ?? new TunnelError(TunnelCode.Cancelled, "the stream was ended"));
    callback(error);
  }

  #deliver(): void {
    while (this.#readRequested) {
      const piece = this.#received.shift();
      if (piece === undefined) {
        if (this.#remoteEnded) this.push(null);
        return;
      }
      this.#readRequested = false; // before the push, which may call _read
      if (this.push(piece)) this.#readRequested = true;
      this.#grant(piece.length);
    }
  }

  /**
   * Gives credit back in portions, not for each piece; a peer that sent END needs none. A stream that is read gets more credit than it
   * started with, unless memory is scarce.
   */
  #grant(length: number): void {
    this.#ungranted += length;
    if (this.#ungranted * 2 < this.#targetWindow || this.#remoteEnded || this.#released) return;
    const targetWindow = this.#link.budget.scarce ? this.#targetWindow : Math.max(this.#targetWindow, this.#link.windowBytes);
    const grant = this.#ungranted + targetWindow - this.#targetWindow;
    this.#link.send(windowFrame(this.id, grant));
    this.#window += grant;
    this.#targetWindow = targetWindow;
    this.#ungranted = 0;
  }

  /** Reports to the budget how many bytes this stream buffers: received and not read, and waiting for credit. */
  #account(progress: boolean): void {
    if (this.destroyed) return;
    // A writer fills the buffer of a waiting stream, so it counts as full.
    const bytes = this.unreadBytes + (this.#unsent === undefined ? 0 : Math.max(this.writableLength, this.writableHighWaterMark));
    this.#counted = bytes > 0;
    this.#link.budget.update(this, bytes, progress);
  }

  #releaseIfOver(): void {
    if (this.#localEnded && this.#remoteEnded) this.#release();
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#link.release(this);
  }
}

const ignore = () => {};
