// Why a stream or a whole tunnel ended. The numbers travel in RESET and GOAWAY; docs/tunnel.md holds the same table.

export const TunnelCode = {
  /** Ended in order: a drained connection, or a stream whose rest nobody needs. */
  Done: 0,
  /** The side that asked has gone away. */
  Cancelled: 1,
  /** The stream was never begun (too many streams, or draining): it is safe to ask again elsewhere. */
  Refused: 2,
  /** The agent does not accept the identity that came with the request. */
  IdentityRefused: 3,
  /** The agent could not reach its API server, or lost it in the middle of an answer. */
  Unreachable: 4,
  /** The right on which the stream rested has ended. */
  Revoked: 5,
  /** A fault of the side that says so. */
  Internal: 6,
  /** The peer sent what version 1 does not allow. */
  Protocol: 7,
  /** The peer sent more bytes than it had credit for. */
  FlowControl: 8,
  /** The peer was silent for too long, or does not read. */
  Timeout: 9,
  /** The connection under the tunnel is gone. Never sent. */
  ConnectionLost: 10,
  /** All that waits to be read took too much memory, and of this stream nothing was read for longest. */
  Unread: 11,
} as const;
export type TunnelCode = (typeof TunnelCode)[keyof typeof TunnelCode];

const NAMES: readonly (keyof typeof TunnelCode)[] = Object.keys(TunnelCode) as (keyof typeof TunnelCode)[];

/** Ends a stream or a session. `remote` tells whether the peer said so. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly code: TunnelCode;
  readonly remote: boolean;

  constructor(code: TunnelCode, message: string, remote = false) {
    super(message);
    this.code = code;
    this.remote = remote;
  }

  /** The code's name, for logs and metrics: a closed set. */
  get reason(): keyof typeof TunnelCode {
    return NAMES[this.code] ?? "Internal";
  }
}

/** A number from the wire as a code: one of a later version counts as Internal. */
export const codeFromWire = (number: number): TunnelCode => (number < NAMES.length ? (number as TunnelCode) : TunnelCode.Internal);
