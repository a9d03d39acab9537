import type { Duplex } from "node:stream";
import { ByteBudget } from "./budget.ts";
import { type TunnelConfig, tunnelConfig } from "./config.ts";
import { Decoder, type FrameSink } from "./decode.ts";
import { encodeFrames, goawayFrame, openFrame, pingFrame, replicasFrame, resetFrame } from "./encode.ts";
import { codeFromWire, TunnelCode, TunnelError } from "./errors.ts";
import { ACK, type Frame, HEADER_BYTES, MAX_STREAM_ID } from "./frame.ts";
import { parseReplicas, parseRequestHead, type RequestHead } from "./head.ts";
import { type Link, Stream } from "./stream.ts";

/** Bytes gathered before they are written at once rather than at the end of the turn. */
const FLUSH_BYTES = 64 * 1024;
/** What a frame costs besides its bytes for as long as it waits: it is an object, and most are small. */
const FRAME_BYTES = 200;
const MAX_UNANSWERED_PINGS = 100;
/** PINGs that a peer may send: so many at once, and then so many a second. We send one in ten seconds, and some to see who lives. */
const PING_BURST = 100;
const PINGS_PER_SECOND = 10;

export interface SessionOptions {
  /** The proxy opens streams, the agent accepts them. */
  readonly role: "opener" | "acceptor";
  /** Acceptor: called for each new stream, with `stream.request` set. What it throws resets that stream. */
  readonly onStream?: (stream: Stream) => void;
  /** Acceptor: the proxy named all its replicas. */
  readonly onReplicas?: (names: readonly string[]) => void;
  /** The peer said GOAWAY: streams that are open go on, new ones need another tunnel. */
  readonly onDraining?: (reason: TunnelError) => void;
  /** What all streams may hold together, shared with other tunnels of the process. Default: one of its own. */
  readonly budget?: ByteBudget;
  readonly config?: Partial<TunnelConfig>;
}

/** One tunnel: many streams over one connection (any Duplex, in practice a TLS socket). */
export class Session implements Link {
  readonly initialWindowBytes: number;
  readonly windowBytes: number;
  readonly maxDataBytes: number;
  readonly maxHeadBytes: number;
  readonly budget: ByteBudget;
  /** Resolves when the connection is gone: with undefined after a drained end, with the reason otherwise. Never rejects. */
  readonly closed: Promise<TunnelError | undefined>;

  readonly #duplex: Duplex;
  readonly #options: SessionOptions;
  readonly #config: TunnelConfig;
  readonly #decoder: Decoder;
  readonly #closed = Promise.withResolvers<TunnelError | undefined>();
  readonly #streams = new Map<number, Stream>();
  #lastId = 0;

  // Sending: frames gathered for one write, and the streams that wait for room.
  #outbox: Frame[] = [];
  #outboxBytes = 0;
  /** The answer to a PING waits until all else is written, and only that to the last. */
  #pong: Buffer | undefined;
  #flushing: NodeJS.Immediate | undefined;
  #full = false;
  readonly #waiting = new Set<Stream>();

  // The state of the connection.
  #draining: TunnelError | undefined;
  #ended = false;
  readonly #keepalive: NodeJS.Timeout;
  #heard = true;
  #silentMs = 0;
  #lastPing = 0n;
  readonly #pings = new Map<bigint, PromiseWithResolvers<void>>();
  readonly #pingsAllowed = { left: PING_BURST, at: performance.now() };

  /** `head`: bytes that arrived with the handshake, after its blank line. */
  constructor(duplex: Duplex, options: SessionOptions, head?: Buffer) {
    this.#duplex = duplex;
    this.#options = options;
    this.#config = tunnelConfig(options.config);
    this.initialWindowBytes = this.#config.initialWindowBytes;
    this.windowBytes = this.#config.windowBytes;
    this.maxDataBytes = this.#config.maxDataBytes;
    this.maxHeadBytes = this.#config.maxHeadBytes;
    this.budget = options.budget ?? new ByteBudget(this.#config.maxUnreadBytes);
    this.closed = this.#closed.promise;
    this.#decoder = new Decoder(this.#sink(), this.#config);
    this.#keepalive = setInterval(() => this.#keepAlive(), this.#config.pingIntervalMs);
    this.#keepalive.unref();
    if (head !== undefined && head.length > 0) duplex.unshift(head);
    duplex.on("data", (chunk: Buffer) => this.#receive(chunk));
    duplex.on("drain", () => this.#drained());
    duplex.on("error", (error) => this.#end(new TunnelError(TunnelCode.ConnectionLost, error.message)));
    duplex.on("end", () => this.#end(this.#lost()));
    duplex.on("close", () => this.#end(this.#lost()));
    // Listening for data does not start a stream that somebody paused, as handshakes do.
    duplex.resume();
  }

  /** Streams that are open now. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Whether new streams can be opened: not draining, not ended. */
  get usable(): boolean {
    return !this.#ended && this.#draining === undefined && this.#lastId < MAX_STREAM_ID;
  }

  /** Bytes that this end holds: to be sent, and received but not read. */
  get bufferedBytes(): number {
    let unread = 0;
    for (const stream of this.#streams.values()) unread += stream.unreadBytes;
    return unread + this.#outboxBytes + this.#duplex.writableLength;
  }

  /**
   * Begins a request. Opener only. Throws a TunnelError with code Refused when the session cannot take one more stream,
   * RangeError when the head is longer than a frame may be.
   */
  open(request: RequestHead): Stream {
    if (this.#options.role !== "opener") throw new Error("only the opener opens streams");
    if (!this.usable) throw new TunnelError(TunnelCode.Refused, "the tunnel takes no new streams");
    if (this.#streams.size >= this.#config.maxStreams)
      throw new TunnelError(TunnelCode.Refused, "the tunnel has as many streams as it carries");
    const frame = openFrame(this.#lastId + 1, JSON.stringify(request));
    if (frame.bytes > this.maxHeadBytes)
      throw new RangeError(`the request's headers take ${frame.bytes} bytes, more than the tunnel carries`);
    this.#lastId++;
    const stream = new Stream(this, this.#lastId, request, true);
    this.#streams.set(stream.id, stream);
    this.send(frame);
    if (!this.usable) this.close();
    return stream;
  }

  /** Tells the acceptor all replicas of the proxy. */
  announce(replicas: readonly string[]): void {
    if (this.#options.role !== "opener") throw new Error("only the opener names replicas");
    this.send(replicasFrame(replicas));
  }

  /** Measures the way there and back, in milliseconds. Rejects with a TunnelError when the tunnel ends first. */
  async ping(): Promise<number> {
    if (this.#ended) throw new TunnelError(TunnelCode.ConnectionLost, "the tunnel has ended");
    const started = performance.now();
    const pong = Promise.withResolvers<void>();
    this.#lastPing++;
    this.#pings.set(this.#lastPing, pong);
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64BE(this.#lastPing);
    this.send(pingFrame(payload, 0));
    await pong.promise;
    return performance.now() - started;
  }

  /** No new streams; the connection ends when those that are open are over. Idempotent. */
  close(message = "closing"): void {
    if (this.#ended || this.#draining?.remote === false) return;
    this.#draining = new TunnelError(TunnelCode.Done, message);
    this.send(goawayFrame(this.#lastId, TunnelCode.Done, message));
    this.#endIfDrained();
  }

  /** Ends everything now; every open stream fails with the error. Idempotent. */
  destroy(error: TunnelError = new TunnelError(TunnelCode.Cancelled, "the tunnel was ended")): void {
    if (this.#ended) return;
    this.send(goawayFrame(this.#lastId, error.code, error.message));
    this.#end(error);
  }

  // ── for streams ──

  get congested(): boolean {
    return this.#full || this.#outboxBytes >= FLUSH_BYTES;
  }

  send(frame: Frame): void {
    if (this.#ended) return;
    this.#outbox.push(frame);
    this.#outboxBytes += HEADER_BYTES + frame.bytes;
    if (this.#outboxBytes >= FLUSH_BYTES && !this.#full) this.#write();
    if (this.#outboxBytes + this.#outbox.length * FRAME_BYTES + this.#duplex.writableLength > this.#config.maxBacklogBytes) {
      this.#end(new TunnelError(TunnelCode.Timeout, "the peer does not read"));
    } else {
      this.#flushSoon();
    }
  }

  waitForRoom(stream: Stream): void {
    this.#waiting.add(stream);
    this.#flushSoon();
  }

  forget(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.#endIfDrained();
  }

  // ── sending ──

  /** At the end of this turn of the event loop: what its other events add goes into the same write. */
  #flushSoon(): void {
    if (!this.#full) this.#flushing ??= setImmediate(() => this.#flush());
  }

  /** Writes what was gathered, then lets streams that wait send on, each one frame. While the connection is full, all is kept here. */
  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#ended) return;
    if (!this.#full) this.#write();
    let turns = this.#waiting.size;
    for (const stream of this.#waiting) {
      if (this.congested || turns-- === 0) break;
      this.#waiting.delete(stream);
      stream.resumeSending();
    }
    if (this.#waiting.size > 0) this.#flushSoon();
  }

  #write(): void {
    if (this.#pong !== undefined) this.#outbox.push(pingFrame(this.#pong, ACK));
    this.#pong = undefined;
    if (this.#outbox.length === 0) return;
    const frames = this.#outbox;
    this.#outbox = [];
    this.#outboxBytes = 0;
    this.#duplex.cork();
    for (const buffer of encodeFrames(frames)) this.#duplex.write(buffer);
    this.#duplex.uncork();
    this.#full = this.#duplex.writableNeedDrain;
  }

  #drained(): void {
    this.#full = false;
    this.#flush();
  }

  // ── receiving ──

  #receive(chunk: Buffer): void {
    this.#heard = true;
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.destroy(error instanceof TunnelError ? error : new TunnelError(TunnelCode.Internal, String(error)));
    }
  }

  #sink(): FrameSink {
    return {
      open: (id, payload) => this.#accept(id, payload),
      head: (id, payload) => this.#deliver(id, (stream) => stream.receiveHead(payload)),
      data: (id, piece) => this.#deliver(id, (stream) => stream.receiveData(piece)),
      end: (id) => this.#deliver(id, (stream) => stream.receiveEnd()),
      reset: (id, code, message) => this.#deliver(id, (stream) => stream.receiveReset(code, message)),
      window: (id, increment) => this.#deliver(id, (stream) => stream.receiveWindow(increment)),
      ping: (payload, ack) => (ack ? this.#answered(payload.readBigUInt64BE()) : this.#answer(payload)),
      replicas: (payload) => this.#replicas(payload),
      goaway: (lastId, code, message) => this.#drain(lastId, new TunnelError(codeFromWire(code), message, true)),
    };
  }

  #replicas(payload: Buffer): void {
    if (this.#options.role !== "acceptor") throw new TunnelError(TunnelCode.Protocol, "the peer has no replicas to name");
    const names = parseReplicas(payload);
    if (!this.#ended) this.#options.onReplicas?.(names);
  }

  #answer(payload: Buffer): void {
    const now = performance.now();
    const allowed = this.#pingsAllowed;
    allowed.left = Math.min(PING_BURST, allowed.left + ((now - allowed.at) / 1000) * PINGS_PER_SECOND) - 1;
    allowed.at = now;
    if (allowed.left < 0) throw new TunnelError(TunnelCode.Protocol, "the peer sent too many PINGs");
    this.#pong = Buffer.from(payload);
    this.#flushSoon();
  }

  /** The answer to one PING answers those before it. */
  #answered(id: bigint): void {
    for (const [sent, pong] of this.#pings) {
      if (sent > id) return;
      this.#pings.delete(sent);
      pong.resolve();
    }
  }

  /**
   * Hands a frame to its stream. One that is over already is no fault (frames cross on the way), one that never was is.
   * What a listener of the stream throws ends that stream, not the others.
   */
  #deliver(id: number, receive: (stream: Stream) => void): void {
    if (this.#ended) return;
    if (id > this.#lastId) throw new TunnelError(TunnelCode.Protocol, `the peer sent a frame for stream ${id}, which was never opened`);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    try {
      receive(stream);
    } catch (error) {
      if (error instanceof TunnelError) throw error;
      stream.reset(TunnelCode.Internal, "the stream's reader failed");
    }
  }

  #accept(id: number, payload: Buffer): void {
    if (this.#ended) return;
    if (this.#options.role !== "acceptor") throw new TunnelError(TunnelCode.Protocol, "the peer may not open streams");
    if (id <= this.#lastId) throw new TunnelError(TunnelCode.Protocol, `the peer opened stream ${id} again`);
    this.#lastId = id;
    const refusal =
      this.#draining !== undefined ? "draining" : this.#streams.size >= this.#config.maxStreams ? "too many streams" : undefined;
    if (refusal !== undefined) {
      this.send(resetFrame(id, TunnelCode.Refused, refusal));
      return;
    }
    let request: RequestHead;
    try {
      request = parseRequestHead(payload);
    } catch (error) {
      // Of one request only: nobody else's may suffer for what came in its head.
      this.send(resetFrame(id, TunnelCode.Protocol, error instanceof Error ? error.message : ""));
      return;
    }
    const stream = new Stream(this, id, request, false);
    this.#streams.set(id, stream);
    try {
      this.#options.onStream?.(stream);
    } catch {
      stream.reset(TunnelCode.Internal, "the request could not be begun");
    }
  }

  #drain(lastId: number, reason: TunnelError): void {
    if (this.#ended) return;
    if (reason.code !== TunnelCode.Done) {
      this.#end(reason);
      return;
    }
    for (const stream of [...this.#streams.values()]) {
      if (this.#options.role === "opener" && stream.id > lastId) stream.abort(new TunnelError(TunnelCode.Refused, reason.message, true));
    }
    const first = this.#draining === undefined;
    this.#draining ??= reason;
    if (first) this.#options.onDraining?.(reason);
    this.#endIfDrained();
  }

  // ── the connection's life ──

  #keepAlive(): void {
    this.#silentMs = this.#heard ? 0 : this.#silentMs + this.#config.pingIntervalMs;
    this.#heard = false;
    if (this.#silentMs >= this.#config.pingTimeoutMs || this.#pings.size > MAX_UNANSWERED_PINGS) {
      this.destroy(new TunnelError(TunnelCode.Timeout, "the peer is silent"));
    } else {
      this.ping().catch(() => {});
    }
  }

  #endIfDrained(): void {
    if (this.#ended || this.#draining === undefined || this.#streams.size > 0) return;
    // The opener ends the connection: an acceptor that drains still owes answers to what is on its way.
    if (this.#options.role === "opener") this.#end(undefined);
  }

  #lost(): TunnelError | undefined {
    return this.#draining !== undefined && this.#streams.size === 0
      ? undefined
      : new TunnelError(TunnelCode.ConnectionLost, "the connection is gone");
  }

  /** Once: says its last, ends the connection, fails the streams. */
  #end(error: TunnelError | undefined): void {
    if (this.#ended) return;
    if (!this.#duplex.writableEnded && !this.#duplex.destroyed) {
      this.#write();
      this.#duplex.end();
    }
    this.#ended = true;
    clearInterval(this.#keepalive);
    clearImmediate(this.#flushing);
    const streams = [...this.#streams.values()];
    const reason = error ?? new TunnelError(TunnelCode.ConnectionLost, "the tunnel has ended");
    for (const stream of streams) stream.abort(reason);
    for (const ping of this.#pings.values()) ping.reject(reason);
    this.#waiting.clear();
    // Give the last bytes a moment to leave, then be gone, whatever the peer does.
    if (error === undefined) setTimeout(() => this.#duplex.destroy(), 1_000).unref();
    else setImmediate(() => this.#duplex.destroy());
    this.#closed.resolve(error);
  }
}
