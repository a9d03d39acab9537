import { type Frame, FrameType, HEADER_BYTES, MAX_MESSAGE_BYTES } from "./frame.ts";

/** A longer payload is passed on by reference; a shorter one is copied into one buffer with its neighbours. */
const COPY_BELOW_BYTES = 4 * 1024;

export const openFrame = (id: number, head: string): Frame => text(FrameType.OPEN, id, head);
export const headFrame = (id: number, head: string): Frame => text(FrameType.HEAD, id, head);
export const replicasFrame = (names: readonly string[]): Frame => text(FrameType.REPLICAS, 0, JSON.stringify(names));
export const dataFrame = (id: number, payload: Uint8Array): Frame => bytes(FrameType.DATA, id, payload);
export const endFrame = (id: number): Frame => ({ type: FrameType.END, flags: 0, id, payload: undefined, bytes: 0 });
export const windowFrame = (id: number, increment: number): Frame => bytes(FrameType.WINDOW, id, numbers(increment));
export const pingFrame = (payload: Uint8Array, flags: number): Frame => ({
  type: FrameType.PING,
  flags,
  id: 0,
  payload,
  bytes: payload.length,
});
export const resetFrame = (id: number, code: number, message: string): Frame =>
  bytes(FrameType.RESET, id, Buffer.concat([numbers(code), truncated(message)]));
export const goawayFrame = (lastId: number, code: number, message: string): Frame =>
  bytes(FrameType.GOAWAY, 0, Buffer.concat([numbers(lastId, code), truncated(message)]));

/** Encodes frames into few buffers: small neighbouring frames share one, so that a batch costs one write. */
export function encodeFrames(frames: readonly Frame[]): Buffer[] {
  const out: Buffer[] = [];
  let from = 0;
  while (from < frames.length) {
    let to = from;
    let size = 0;
    // A run ends with a frame whose payload is too long to copy; its header still belongs to the run.
    for (let open = true; open && to < frames.length; to++) {
      const frame = frames[to] as Frame;
      open = isCopied(frame);
      size += HEADER_BYTES + (open ? frame.bytes : 0);
    }
    out.push(encodeRun(frames, from, to, size));
    const last = frames[to - 1] as Frame;
    if (!isCopied(last)) out.push(asBuffer(last.payload as Uint8Array));
    from = to;
  }
  return out;
}

function encodeRun(frames: readonly Frame[], from: number, to: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = from; i < to; i++) {
    const frame = frames[i] as Frame;
    buffer.writeUIntBE(frame.bytes, at, 3);
    buffer[at + 3] = frame.type;
    buffer[at + 4] = frame.flags;
    buffer.writeUInt32BE(frame.id, at + 5);
    at += HEADER_BYTES;
    if (frame.payload === undefined || !isCopied(frame)) continue;
    if (typeof frame.payload === "string") buffer.write(frame.payload, at, "utf8");
    else buffer.set(frame.payload, at);
    at += frame.bytes;
  }
  return buffer;
}

const isCopied = (frame: Frame): boolean => typeof frame.payload === "string" || frame.bytes <= COPY_BELOW_BYTES;
const asBuffer = (payload: Uint8Array): Buffer =>
  Buffer.isBuffer(payload) ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);

const text = (type: FrameType, id: number, payload: string): Frame => ({
  type,
  flags: 0,
  id,
  payload,
  bytes: Buffer.byteLength(payload, "utf8"),
});
const bytes = (type: FrameType, id: number, payload: Uint8Array): Frame => ({ type, flags: 0, id, payload, bytes: payload.length });

function numbers(...values: readonly number[]): Buffer {
  const buffer = Buffer.allocUnsafe(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32BE(value, i * 4);
  return buffer;
}

/** Cuts a message to MAX_MESSAGE_BYTES of UTF-8, between two characters. */
function truncated(message: string): Buffer {
  const buffer = Buffer.from(message, "utf8");
  if (buffer.length <= MAX_MESSAGE_BYTES) return buffer;
  let end = MAX_MESSAGE_BYTES;
  while (end > 0 && ((buffer[end] as number) & 0xc0) === 0x80) end--;
  return buffer.subarray(0, end);
}
