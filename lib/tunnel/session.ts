import type { Duplex } from "node:stream";
import { ByteBudget } from "./budget.ts";
import { type TunnelConfig, tunnelConfig } from "./config.ts";
import { Decoder, type FrameSink } from "./decode.ts";
import { goawayFrame, openFrame, pingFrame, replicasFrame, resetFrame } from "./encode.ts";
import { codeFromWire, TunnelCode, TunnelError } from "./errors.ts";
import { type Frame, MAX_STREAM_ID } from "./frame.ts";
import { parseReplicas, parseRequestHead, type RequestHead } from "./head.ts";
import { KeepAlive } from "./keepalive.ts";
import { Outbox } from "./outbox.ts";
import { type Link, Stream } from "./stream.ts";

export interface SessionOptions {
  /** The proxy opens streams, the agent accepts them. */
  readonly role: "opener" | "acceptor";
  /** Acceptor: called for each new stream, with `stream.request` set. If it throws, that stream is reset. */
  readonly onStream?: (stream: Stream) => void;
  /** Acceptor: the names of all proxy replicas, called whenever the proxy sends them. */
  readonly onReplicas?: (names: readonly string[]) => void;
  /** The peer sent GOAWAY: open streams go on, new ones need another tunnel. */
  readonly onDraining?: (reason: TunnelError) => void;
  /** Limits the bytes that all streams buffer together; shared with other tunnels of the process. Default: a budget for this tunnel alone. */
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
  /** Resolves when the connection is gone: with undefined after an orderly drain, otherwise with the reason. Never rejects. */
  readonly closed: Promise<TunnelError | undefined>;

  readonly #duplex: Duplex;
  readonly #options: SessionOptions;
  readonly #config: TunnelConfig;
  readonly #decoder: Decoder;
  readonly #closed = Promise.withResolvers<TunnelError | undefined>();
  readonly #streams = new Map<number, Stream>();
  readonly #outbox: Outbox;
  readonly #keepAlive: KeepAlive;
  #lastId = 0;
  #draining: TunnelError | undefined;
  #ended = false;

  /** `head`: bytes that arrived after the blank line of the handshake. */
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
    this.#outbox = new Outbox(duplex, this.#config);
    this.#keepAlive = new KeepAlive({
      ...this.#config,
      sendPing: (payload) => this.send(pingFrame(payload, 0)),
      onSilent: () => this.destroy(new TunnelError(TunnelCode.Timeout, "the peer is silent")),
    });
    if (head !== undefined && head.length > 0) duplex.unshift(head);
    duplex.on("data", (chunk: Buffer) => this.#receive(chunk));
    duplex.on("error", (error) => this.#end(new TunnelError(TunnelCode.ConnectionLost, error.message)));
    duplex.on("end", () => this.#end(this.#lost()));
    duplex.on("close", () => this.#end(this.#lost()));
    // A handshake leaves the connection paused; a listener for data does not resume it.
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

  /** Bytes that this end buffers: to be sent, and received but not read. */
  get bufferedBytes(): number {
    let unread = 0;
    for (const stream of this.#streams.values()) unread += stream.unreadBytes;
    return unread + this.#outbox.bufferedBytes;
  }

  /**
   * Begins a request; opener only. Throws a TunnelError with code Refused when the session takes no more streams, and a
   * RangeError when the head is longer than `maxHeadBytes`.
   */
  open(request: RequestHead): Stream {
    if (this.#options.role !== "opener") throw new Error("only the opener opens streams");
    if (!this.usable) throw new TunnelError(TunnelCode.Refused, "the tunnel takes no new streams");
    if (this.#streams.size >= this.#config.maxStreams)
      throw new TunnelError(TunnelCode.Refused, "the tunnel has as many open streams as it allows");
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

  /** Sends the names of all proxy replicas to the acceptor; opener only. */
  announce(replicas: readonly string[]): void {
    if (this.#options.role !== "opener") throw new Error("only the opener names replicas");
    this.send(replicasFrame(replicas));
  }

  /** The round trip in milliseconds. Rejects with a TunnelError when the tunnel ends first. */
  async ping(): Promise<number> {
    if (this.#ended) throw new TunnelError(TunnelCode.ConnectionLost, "the tunnel has ended");
    return await this.#keepAlive.ping();
  }

  /** Drains: takes no new streams, and ends the connection when the open ones are over. Idempotent. */
  close(message = "closing"): void {
    if (this.#ended || this.#draining?.remote === false) return;
    this.#draining = new TunnelError(TunnelCode.Done, message);
    this.send(goawayFrame(this.#lastId, TunnelCode.Done, message));
    this.#endIfDrained();
  }

  /** Ends the tunnel now; every open stream fails with the error. Idempotent. */
  destroy(error: TunnelError = new TunnelError(TunnelCode.Cancelled, "the tunnel was ended")): void {
    if (this.#ended) return;
    this.send(goawayFrame(this.#lastId, error.code, error.message));
    this.#end(error);
  }

  // ── for streams ──

  get congested(): boolean {
    return this.#outbox.congested;
  }

  send(frame: Frame): void {
    if (this.#ended) return;
    if (!this.#outbox.send(frame)) this.#end(new TunnelError(TunnelCode.Timeout, "the peer does not read"));
  }

  waitToSend(stream: Stream): void {
    this.#outbox.waitToSend(stream);
  }

  release(stream: Stream): void {
    this.#streams.delete(stream.id);
    this.#outbox.release(stream);
    this.#endIfDrained();
  }

  // ── receiving ──

  #receive(chunk: Buffer): void {
    this.#keepAlive.received();
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
      ping: (payload, ack) => (ack ? this.#keepAlive.answered(payload.readBigUInt64BE()) : this.#answer(payload)),
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
    if (!this.#keepAlive.allowsPing()) throw new TunnelError(TunnelCode.Protocol, "the peer sent too many PINGs");
    this.#outbox.answerPing(payload);
  }

  /**
   * Hands a frame to its stream. A frame for a stream that is over is ignored, because frames cross on the way. A frame for a stream
   * that never existed is an error. An exception in a listener of the stream ends that stream only.
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
      // Only this stream is refused: its head may come from one client, and other requests must not suffer.
      this.send(resetFrame(id, TunnelCode.Protocol, error instanceof Error ? error.message : ""));
      return;
    }
    const stream = new Stream(this, id, request, false);
    this.#streams.set(id, stream);
    try {
      this.#options.onStream?.(stream);
    } catch {
      stream.reset(TunnelCode.Internal, "the request could not be started");
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

  // ── end of the connection ──

  #endIfDrained(): void {
    if (this.#ended || this.#draining === undefined || this.#streams.size > 0) return;
    // Only the opener ends the connection: requests may still be on their way to an acceptor that drains.
    if (this.#options.role === "opener") this.#end(undefined);
  }

  #lost(): TunnelError | undefined {
    return this.#draining !== undefined && this.#streams.size === 0
      ? undefined
      : new TunnelError(TunnelCode.ConnectionLost, "the connection is gone");
  }

  /** Once: writes what is gathered, ends the connection, fails the streams. */
  #end(error: TunnelError | undefined): void {
    if (this.#ended) return;
    this.#outbox.close();
    this.#ended = true;
    const reason = error ?? new TunnelError(TunnelCode.ConnectionLost, "the tunnel has ended");
    for (const stream of [...this.#streams.values()]) stream.abort(reason);
    this.#keepAlive.end(reason);
    // The last bytes get a moment to be sent; then the connection is closed, whatever the peer does.
    if (error === undefined) setTimeout(() => this.#duplex.destroy(), 1_000).unref();
    else setImmediate(() => this.#duplex.destroy());
    this.#closed.resolve(error);
  }
}
