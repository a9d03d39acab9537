// Decodes bytes into frames. It knows nothing of streams or credit. Each declared length is checked before its payload is buffered.
import { TunnelCode, TunnelError } from "./errors.ts";
import { ACK, FrameType, HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_REPLICAS_BYTES, MAX_STREAM_ID } from "./frame.ts";

/** Receives the frames in order. A DATA payload comes in pieces as it arrives; the pieces share memory with the chunk given to `push`. */
export interface FrameSink {
  open(id: number, payload: Buffer): void;
  head(id: number, payload: Buffer): void;
  data(id: number, piece: Buffer): void;
  end(id: number): void;
  reset(id: number, code: number, message: string): void;
  window(id: number, increment: number): void;
  ping(payload: Buffer, ack: boolean): void;
  goaway(lastId: number, code: number, message: string): void;
  replicas(payload: Buffer): void;
}

export class Decoder {
  readonly #maxHeadBytes: number;
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Bytes of the current payload that have not arrived; -1 between frames. */
  #remaining = -1;
  /** Gathers a payload that is not DATA and arrives in several chunks. */
  #payload: Buffer | undefined;

  constructor(sink: FrameSink, limits: { readonly maxHeadBytes: number }) {
    this.#sink = sink;
    this.#maxHeadBytes = limits.maxHeadBytes;
  }

  /** Takes the next bytes. Throws a Protocol TunnelError at the first frame that version 1 does not allow; do not use it afterwards. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#remaining < 0) {
        at = this.#readHeader(chunk, at);
        if (this.#remaining === 0) this.#finish(EMPTY);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#remaining);
      const whole = end - at === this.#remaining;
      if (this.#type === FrameType.DATA) {
        this.#remaining = whole ? -1 : this.#remaining - (end - at);
        this.#sink.data(this.#id, chunk.subarray(at, end));
      } else if (whole && this.#payload === undefined) {
        this.#finish(chunk.subarray(at, end)); // the common case: no copy
      } else {
        this.#gather(chunk, at, end);
        if (whole) this.#finish(this.#payload ?? EMPTY);
      }
      at = end;
    }
  }

  #gather(chunk: Buffer, at: number, end: number): void {
    this.#payload ??= Buffer.allocUnsafe(this.#remaining);
    chunk.copy(this.#payload, this.#payload.length - this.#remaining, at, end);
    this.#remaining -= end - at;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerBytes, at, at + HEADER_BYTES - this.#headerBytes);
    this.#headerBytes += taken;
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#type = this.#header[3] as number;
      this.#flags = this.#header[4] as number;
      this.#id = this.#header.readUInt32BE(5);
      const length = this.#header.readUIntBE(0, 3);
      this.#checkHeader(length);
      this.#remaining = length;
    }
    return at + taken;
  }

  #checkHeader(length: number): void {
    const type = this.#type;
    const allowed = FRAME_RULES[type];
    if (allowed === undefined) throw protocolError(`a frame of unknown type ${type}`);
    if (length < allowed.shortest || length > (allowed.longest ?? this.#maxHeadBytes))
      throw protocolError(`a frame of type ${type} that declares ${length} bytes`);
    if (allowed.stream ? this.#id === 0 || this.#id > MAX_STREAM_ID : this.#id !== 0)
      throw protocolError(`a frame of type ${type} on stream ${this.#id}`);
    if (this.#flags !== 0 && !(type === FrameType.PING && this.#flags === ACK))
      throw protocolError(`a frame of type ${type} with flags ${this.#flags}`);
  }

  #finish(payload: Buffer): void {
    this.#remaining = -1;
    this.#payload = undefined;
    const sink = this.#sink;
    const id = this.#id;
    if (this.#type === FrameType.OPEN) sink.open(id, payload);
    else if (this.#type === FrameType.HEAD) sink.head(id, payload);
    else if (this.#type === FrameType.END) sink.end(id);
    else if (this.#type === FrameType.RESET) sink.reset(id, payload.readUInt32BE(0), payload.toString("utf8", 4));
    else if (this.#type === FrameType.WINDOW) sink.window(id, payload.readUInt32BE(0));
    else if (this.#type === FrameType.PING) sink.ping(payload, this.#flags === ACK);
    else if (this.#type === FrameType.REPLICAS) sink.replicas(payload);
    else sink.goaway(payload.readUInt32BE(0), payload.readUInt32BE(4), payload.toString("utf8", 8));
  }
}

const EMPTY = Buffer.alloc(0);

interface FrameRule {
  readonly shortest: number;
  /** undefined: `maxHeadBytes` */
  readonly longest: number | undefined;
  /** true: belongs to a stream; false: to the connection. */
  readonly stream: boolean;
}

const FRAME_RULES: Readonly<Record<number, FrameRule>> = {
  [FrameType.OPEN]: { shortest: 2, longest: undefined, stream: true },
  [FrameType.HEAD]: { shortest: 2, longest: undefined, stream: true },
  // DATA is not buffered here but passed on in pieces, and credit limits it.
  [FrameType.DATA]: { shortest: 1, longest: 0xffffff, stream: true },
  [FrameType.END]: { shortest: 0, longest: 0, stream: true },
  [FrameType.RESET]: { shortest: 4, longest: 4 + MAX_MESSAGE_BYTES, stream: true },
  [FrameType.WINDOW]: { shortest: 4, longest: 4, stream: true },
  [FrameType.PING]: { shortest: 8, longest: 8, stream: false },
  [FrameType.GOAWAY]: { shortest: 8, longest: 8 + MAX_MESSAGE_BYTES, stream: false },
  [FrameType.REPLICAS]: { shortest: 2, longest: MAX_REPLICAS_BYTES, stream: false },
};

const protocolError = (what: string) => new TunnelError(TunnelCode.Protocol, `the peer sent ${what}`);
