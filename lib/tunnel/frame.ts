// The frames of the tunnel, version 1. docs/tunnel.md says what each means and who may send it.
//
//   0        3      4       5            9
//   | length | type | flags | stream id  | payload (length bytes)
//
// All numbers are unsigned and big-endian. Stream ids are 31 bits; 0 means the connection itself.

export const HEADER_BYTES = 9;
export const MAX_STREAM_ID = 0x7fffffff;
/** Bytes of DATA either side may send on a new stream before it gets a WINDOW. Part of version 1: both sides must agree. */
export const INITIAL_WINDOW_BYTES = 64 * 1024;
export const MAX_WINDOW_BYTES = 0x7fffffff;
/** The longest explanation that RESET and GOAWAY carry, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 1024;

/** A hundred replicas and their names. */
export const MAX_REPLICAS_BYTES = 8 * 1024;

export const FrameType = {
  /** opener: begins a stream; payload is a RequestHead as JSON */
  OPEN: 1,
  /** acceptor: its answer's ResponseHead as JSON; once per stream, before any DATA of it */
  HEAD: 2,
  /** either: bytes of the body, never empty, within the credit that the receiver gave */
  DATA: 3,
  /** either: no more DATA from this side */
  END: 4,
  /** either: the stream is over in both directions; code (4 bytes) and message */
  RESET: 5,
  /** either: the receiver grants so many more bytes (4 bytes) */
  WINDOW: 6,
  /** either: 8 bytes that come back with the flag ACK */
  PING: 7,
  /** either: no new streams; last stream id that was accepted (4 bytes), code (4 bytes), message */
  GOAWAY: 8,
  /** opener: the names of all replicas of the proxy, as a JSON array; at the beginning, and whenever they change */
  REPLICAS: 9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Only PING has a flag. */
export const ACK = 1;

/** A frame to be sent. A text payload is JSON or a message, written as UTF-8; `bytes` is the payload's length. */
export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array | string | undefined;
  readonly bytes: number;
}
