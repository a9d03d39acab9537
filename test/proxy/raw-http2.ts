// HTTP/2 as bytes, for what no client library sends.
import { connect, type TLSSocket } from "node:tls";

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const MAX_FRAME_BYTES = 16_384;
const INITIAL_WINDOW_SIZE = 4;

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export function frame(type: number, flags: number, id: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** A request without a body: these header fields, none of them compressed or remembered. */
export function requestFrames(id: number, fields: readonly (readonly [string, string])[]): Buffer {
  const block = Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const last = at + MAX_FRAME_BYTES >= block.length ? END_HEADERS : 0;
    const [type, flags] = at === 0 ? [FrameType.HEADERS, END_STREAM | last] : [FrameType.CONTINUATION, last];
    frames.push(frame(type, flags, id, block.subarray(at, at + MAX_FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

/** The client's settings: how many bytes of each answer's body may be sent before it asks for more. */
export function settingsFrame(initialWindowBytes: number): Buffer {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
  payload.writeUInt32BE(initialWindowBytes, 2);
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

/** A string as HPACK has it: a length of 7 bits, or 127 and the rest in groups of 7. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A connection whose incoming frames the test sees one by one. */
export class RawHttp2 {
  readonly socket: TLSSocket;
  /** Type and stream of each frame so far. */
  readonly heard: { readonly type: number; readonly id: number; readonly payload: Buffer }[] = [];
  closed = false;
  #rest = Buffer.alloc(0);
  #lastId = -1;

  constructor(to: { readonly port: number; readonly ca: string }, initialWindowBytes: number) {
    this.socket = connect({ host: "127.0.0.1", ...to, ALPNProtocols: ["h2"] });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.closed = true;
    });
    this.socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.socket.write(Buffer.concat([PREFACE, settingsFrame(initialWindowBytes)]));
  }

  /** Asks for each of the paths on a stream of its own. */
  ask(paths: readonly string[], more: readonly (readonly [string, string])[] = [], authority = "x"): void {
    const requests = paths.map((path) => {
      this.#lastId += 2;
      const fields = [[":method", "GET"], [":scheme", "https"], [":path", path], [":authority", authority], ...more] as const;
      return requestFrames(this.#lastId, fields as readonly (readonly [string, string])[]);
    });
    this.socket.write(Buffer.concat(requests));
  }

  /** Streams that were answered or ended by the proxy, so far. */
  streamsWith(type: number): number {
    return new Set(this.heard.filter((one) => one.type === type).map(({ id }) => id)).size;
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
      this.heard.push({ type, id: this.#rest.readUInt32BE(5), payload: this.#rest.subarray(9, end) });
      // The first SETTINGS of the proxy hold only once they are acknowledged.
      if (type === FrameType.SETTINGS && flags === 0) this.socket.write(frame(FrameType.SETTINGS, 1, 0));
      this.#rest = this.#rest.subarray(end);
    }
  }
}
