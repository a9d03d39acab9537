// The frames of tunnel version 1. docs/tunnel.md says what each means and who may send it.
//
//   0        3      4       5            9
//   | length | type | flags | stream id  | payload (length bytes)
//
// All numbers are unsigned and big-endian. Stream ids are 31 bits; 0 means the connection itself.

export const HEADER_BYTES = 9;
export const MAX_STREAM_ID = 0x7fffffff;
/** Bytes of DATA that each side may send on a new stream before it gets a WINDOW. Part of version 1: both sides use the same number. */
export const INITIAL_WINDOW_BYTES = 64 * 1024;
export const MAX_WINDOW_BYTES = 0x7fffffff;
/** Longest message in RESET and GOAWAY, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 1024;
/** Enough for the names of a hundred proxy replicas. */
export const MAX_REPLICAS_BYTES = 8 * 1024;

export const FrameType = {
  /** opener: starts a stream; payload is a RequestHead as JSON */
  OPEN: 1,
  /** acceptor: a ResponseHead as JSON; once per stream, before any DATA of the acceptor */
  HEAD: 2,
  /** either: bytes of the body, never empty, within the credit that the receiver gave */
  DATA: 3,
  /** either: no more DATA from this side */
  END: 4,
  /** either: the stream is over in both directions; code (4 bytes) and message */
  RESET: 5,
  /** either: the number of further bytes that the peer may send (4 bytes) */
  WINDOW: 6,
  /** either: 8 bytes, which the peer returns with the flag ACK */
  PING: 7,
  /** either: takes no new streams; last accepted stream id (4 bytes), code (4 bytes), message */
  GOAWAY: 8,
  /** opener: the names of all proxy replicas as a JSON array; first after the handshake, then whenever they change */
  REPLICAS: 9,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Only PING has a flag. */
export const ACK = 1;

/** A frame to send. A text payload is encoded as UTF-8; `bytes` is the length of the encoded payload. */
export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array | string | undefined;
  readonly bytes: number;
}
