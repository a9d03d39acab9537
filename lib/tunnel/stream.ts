import { Duplex } from "node:stream";
import type { ByteBudget, Holder } from "./budget.ts";
import { dataFrame, endFrame, headFrame, resetFrame, windowFrame } from "./encode.ts";
import { codeFromWire, TunnelCode, TunnelError } from "./errors.ts";
import { type Frame, MAX_WINDOW_BYTES } from "./frame.ts";
import { parseResponseHead, type RequestHead, type ResponseHead } from "./head.ts";
import { ByteQueue } from "./queue.ts";

/** What a stream needs of the connection that carries it. */
export interface Link {
  readonly initialWindowBytes: number;
  readonly windowBytes: number;
  /** Shared with all streams of the process. */
  readonly budget: ByteBudget;
  readonly maxDataBytes: number;
  readonly maxHeadBytes: number;
  /** Whether the connection holds as many bytes as it should; DATA then waits for its turn. */
  readonly congested: boolean;
  send(frame: Frame): void;
  /** Calls `stream.resumeSending()` when there is room, in turn with the other streams that wait. */
  waitForRoom(stream: Stream): void;
  /** The stream is over in both directions, or was aborted: nothing more may come from or go to it. */
  forget(stream: Stream): void;
}

/**
 * One request and its answer. As a Duplex it carries the two bodies, with backpressure in both directions; errors arrive as
 * TunnelError, and a stream without an error listener ends quietly.
 *
 * Events besides a Duplex's: "head" (ResponseHead), on the opener's side.
 */
export class Stream extends Duplex implements Holder {
  readonly id: number;
  readonly request: RequestHead;
  /** The answer's head, on the opener's side. Rejects with a TunnelError when the stream ends before it; may be left unawaited. */
  readonly head: Promise<ResponseHead>;
  /** Bytes of body sent and received so far. */
  bytesSent = 0;
  bytesReceived = 0;

  readonly #link: Link;
  readonly #opener: boolean;
  readonly #headPromise = Promise.withResolvers<ResponseHead>();
  #headDone = false;

  // Receiving: the peer's credit, what was read but not yet granted again, what waits to be read.
  #window: number;
  /** What the peer may have sent that is unread; grows once. */
  #target: number;
  #owed = 0;
  readonly #received = new ByteQueue();
  #wanted = false;
  #peerEnded = false;

  // Sending: our credit, and the write that waits for it.
  #credit: number;
  #unsent: Buffer | undefined;
  #written: ((error?: Error | null) => void) | undefined;
  #weEnded = false;

  #forgotten = false;
  /** Whether the budget knows of bytes that this stream holds. */
  #holds = false;

  constructor(link: Link, id: number, request: RequestHead, opener: boolean) {
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024, allowHalfOpen: true, decodeStrings: true });
    this.#link = link;
    this.id = id;
    this.request = request;
    this.#opener = opener;
    this.#window = link.initialWindowBytes;
    this.#target = link.initialWindowBytes;
    this.#credit = link.initialWindowBytes;
    this.head = this.#headPromise.promise;
    this.head.catch(ignore);
    this.on("error", ignore);
  }

  /** Bytes received and not yet read by anybody; the peer's credit bounds it. */
  get unreadBytes(): number {
    return this.#received.length + this.readableLength;
  }

  /** Answers the request: once, by the acceptor, before any byte of the body. Throws RangeError when longer than a head may be. */
  sendHead(head: ResponseHead): void {
    if (this.#opener || this.#headDone) throw new Error("a head is sent once, by the acceptor");
    if (this.#forgotten) return;
    const frame = headFrame(this.id, JSON.stringify(head));
    if (frame.bytes > this.#link.maxHeadBytes)
      throw new RangeError(`the answer's headers take ${frame.bytes} bytes, more than the tunnel carries`);
    this.#headDone = true;
    this.#link.send(frame);
  }

  /** Ends the stream in both directions and tells the peer why. Idempotent. */
  reset(code: TunnelCode, message = ""): void {
    this.destroy(new TunnelError(code, message));
  }

  giveUp(): void {
    this.reset(TunnelCode.Unread, "this was unread for longest when all that waits to be read took too much memory");
  }

  // ── from the session ──

  receiveHead(payload: Buffer): void {
    if (!this.#opener || this.#headDone) throw new TunnelError(TunnelCode.Protocol, "the peer sent a head that was not due");
    let head: ResponseHead;
    try {
      head = parseResponseHead(payload);
    } catch (error) {
      // Of one answer only: it may be a pod's doing, and nobody else's answers may suffer for it.
      this.destroy(error as TunnelError);
      return;
    }
    this.#headDone = true;
    this.#headPromise.resolve(head);
    this.emit("head", head);
  }

  receiveData(piece: Buffer): void {
    if (this.#peerEnded || (this.#opener && !this.#headDone))
      throw new TunnelError(TunnelCode.Protocol, "the peer sent data that was not due");
    this.#window -= piece.length;
    if (this.#window < 0) throw new TunnelError(TunnelCode.FlowControl, "the peer sent more than it had credit for");
    this.bytesReceived += piece.length;
    // Straight to a listener that keeps up; everything else waits in the queue, which holds no foreign memory.
    if (this.readableFlowing && this.readableLength === 0 && this.#received.length === 0) {
      this.push(piece);
      this.#grant(piece.length);
      return;
    }
    this.#received.push(piece);
    if (this.#wanted) this.#deliver();
    this.#account(false);
  }

  receiveEnd(): void {
    if (this.#peerEnded || (this.#opener && !this.#headDone))
      throw new TunnelError(TunnelCode.Protocol, "the peer ended what it had not begun");
    this.#peerEnded = true;
    if (this.#received.length === 0) this.push(null);
    else if (this.#wanted) this.#deliver();
    this.#forgetIfOver();
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

  /** Sends one frame of what waits, if there is credit and room. */
  resumeSending(): void {
    const unsent = this.#unsent;
    if (unsent === undefined || this.#credit === 0) return;
    if (this.#link.congested) {
      this.#link.waitForRoom(this);
      return;
    }
    const length = Math.min(unsent.length, this.#credit, this.#link.maxDataBytes);
    const waited = this.#holds;
    this.#credit -= length;
    this.bytesSent += length;
    this.#link.send(dataFrame(this.id, length === unsent.length ? unsent : unsent.subarray(0, length)));
    if (length < unsent.length) {
      this.#unsent = unsent.subarray(length);
      this.#link.waitForRoom(this); // after the others that wait
    } else {
      this.#unsent = undefined;
      const written = this.#written;
      this.#written = undefined;
      written?.();
    }
    if (waited) this.#account(true);
  }

  /** Ends the stream without telling the peer: it knows, or is gone. */
  abort(error: TunnelError): void {
    this.#forget();
    this.destroy(error);
  }

  // ── a Duplex's own ──

  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    if (this.#holds && piece !== null) this.#account(true);
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
    this.#weEnded = true;
    if (!this.#forgotten) this.#link.send(endFrame(this.id));
    this.#forgetIfOver();
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#forgotten) {
      const over = this.#weEnded && this.#peerEnded;
      if (!over) {
        const told = error instanceof TunnelError ? error : undefined;
        this.#link.send(resetFrame(this.id, told?.code ?? (error ? TunnelCode.Internal : TunnelCode.Cancelled), told?.message ?? ""));
      }
      this.#forget();
    }
    if (this.#holds) this.#link.budget.hold(this, 0, false);
    this.#holds = false;
    if (!this.#headDone) this.#headPromise.reject(error ?? new TunnelError(TunnelCode.Cancelled, "the stream was ended before its answer"));
    this.#received.clear();
    const written = this.#written;
    this.#unsent = undefined;
    this.#written = undefined;
    written?.(error ?? new TunnelError(TunnelCode.Cancelled, "the stream was ended"));
    callback(error);
  }

  #deliver(): void {
    while (this.#wanted) {
      const piece = this.#received.shift();
      if (piece === undefined) {
        if (this.#peerEnded) this.push(null);
        return;
      }
      this.#wanted = false; // before the push, which may call _read
      if (this.push(piece)) this.#wanted = true;
      this.#grant(piece.length);
    }
  }

  /**
   * Gives credit back in portions, not for every piece; a peer that has ended needs none. A stream that is read gets more of it than it
   * began with, as long as there is memory.
   */
  #grant(length: number): void {
    this.#owed += length;
    if (this.#owed * 2 < this.#target || this.#peerEnded || this.#forgotten) return;
    const target = this.#link.budget.scarce ? this.#target : Math.max(this.#target, this.#link.windowBytes);
    const grant = this.#owed + target - this.#target;
    this.#link.send(windowFrame(this.id, grant));
    this.#window += grant;
    this.#target = target;
    this.#owed = 0;
  }

  /** Tells the budget what this stream holds: received and not read, and to be sent and not yet allowed. */
  #account(progress: boolean): void {
    if (this.destroyed) return;
    // Whoever writes to a stream that waits fills its buffer first.
    const bytes = this.unreadBytes + (this.#unsent === undefined ? 0 : Math.max(this.writableLength, this.writableHighWaterMark));
    this.#holds = bytes > 0;
    this.#link.budget.hold(this, bytes, progress);
  }

  #forgetIfOver(): void {
    if (this.#weEnded && this.#peerEnded) this.#forget();
  }

  #forget(): void {
    if (this.#forgotten) return;
    this.#forgotten = true;
    this.#link.forget(this);
  }
}

const ignore = () => {};
