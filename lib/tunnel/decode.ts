// Bytes in, frames out: knows nothing of streams or credit. Every declared length is judged before a byte of it is kept.
import { TunnelCode, TunnelError } from "./errors.ts";
import { ACK, FrameType, HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_REPLICAS_BYTES, MAX_STREAM_ID } from "./frame.ts";

/** Hears the frames in order. A DATA payload comes in pieces as it arrives; its pieces alias the chunk given to `push`. */
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
  #headerHas = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Bytes of the current payload still to come; -1 between frames. */
  #missing = -1;
  /** Holds a payload that is not DATA and came in several chunks. */
  #payload: Buffer | undefined;

  constructor(sink: FrameSink, limits: { readonly maxHeadBytes: number }) {
    this.#sink = sink;
    this.#maxHeadBytes = limits.maxHeadBytes;
  }

  /** Takes the next bytes. Throws a Protocol TunnelError at the first frame that version 1 does not allow; useless afterwards. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#missing < 0) {
        at = this.#readHeader(chunk, at);
        if (this.#missing === 0) this.#finish(EMPTY);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#missing);
      const whole = end - at === this.#missing;
      if (this.#type === FrameType.DATA) {
        this.#missing = whole ? -1 : this.#missing - (end - at);
        this.#sink.data(this.#id, chunk.subarray(at, end));
      } else if (whole && this.#payload === undefined) {
        this.#finish(chunk.subarray(at, end)); // the common case: no copy
      } else {
        this.#keep(chunk, at, end);
        if (whole) this.#finish(this.#payload ?? EMPTY);
      }
      at = end;
    }
  }

  #keep(chunk: Buffer, at: number, end: number): void {
    this.#payload ??= Buffer.allocUnsafe(this.#missing);
    chunk.copy(this.#payload, this.#payload.length - this.#missing, at, end);
    this.#missing -= end - at;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerHas, at, at + HEADER_BYTES - this.#headerHas);
    this.#headerHas += taken;
    if (this.#headerHas === HEADER_BYTES) {
      this.#headerHas = 0;
      this.#type = this.#header[3] as number;
      this.#flags = this.#header[4] as number;
      this.#id = this.#header.readUInt32BE(5);
      const length = this.#header.readUIntBE(0, 3);
      this.#judge(length);
      this.#missing = length;
    }
    return at + taken;
  }

  /** All that a header alone can tell. */
  #judge(length: number): void {
    const type = this.#type;
    const allowed = ALLOWED[type];
    if (allowed === undefined) throw wrong(`a frame of unknown type ${type}`);
    if (length < allowed.shortest || length > (allowed.longest ?? this.#maxHeadBytes))
      throw wrong(`a frame of type ${type} that declares ${length} bytes`);
    if (allowed.stream ? this.#id === 0 || this.#id > MAX_STREAM_ID : this.#id !== 0)
      throw wrong(`a frame of type ${type} on stream ${this.#id}`);
    if (this.#flags !== 0 && !(type === FrameType.PING && this.#flags === ACK))
      throw wrong(`a frame of type ${type} with flags ${this.#flags}`);
  }

  #finish(payload: Buffer): void {
    this.#missing = -1;
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

interface Allowed {
  readonly shortest: number;
  /** undefined: the configured longest head */
  readonly longest: number | undefined;
  /** Whether it belongs to a stream, or to the connection. */
  readonly stream: boolean;
}

const ALLOWED: Readonly<Record<number, Allowed>> = {
  [FrameType.OPEN]: { shortest: 2, longest: undefined, stream: true },
  [FrameType.HEAD]: { shortest: 2, longest: undefined, stream: true },
  // Pieces are handed on as they come, so a DATA frame needs no limit of its own: the credit limits it.
  [FrameType.DATA]: { shortest: 1, longest: 0xffffff, stream: true },
  [FrameType.END]: { shortest: 0, longest: 0, stream: true },
  [FrameType.RESET]: { shortest: 4, longest: 4 + MAX_MESSAGE_BYTES, stream: true },
  [FrameType.WINDOW]: { shortest: 4, longest: 4, stream: true },
  [FrameType.PING]: { shortest: 8, longest: 8, stream: false },
  [FrameType.GOAWAY]: { shortest: 8, longest: 8 + MAX_MESSAGE_BYTES, stream: false },
  [FrameType.REPLICAS]: { shortest: 2, longest: MAX_REPLICAS_BYTES, stream: false },
};

const wrong = (what: string) => new TunnelError(TunnelCode.Protocol, `the peer sent ${what}`);
