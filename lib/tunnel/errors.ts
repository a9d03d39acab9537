// Reasons why a stream or a tunnel ended. RESET and GOAWAY carry the numbers; docs/tunnel.md has the same table.

export const TunnelCode = {
  /** Orderly end: a drained connection, or a stream whose remaining data is not needed. */
  Done: 0,
  /** The client that sent the request is gone. */
  Cancelled: 1,
  /** The stream was never started (too many streams, or draining): it is safe to retry elsewhere. */
  Refused: 2,
  /** The agent does not accept the identity that came with the request. */
  IdentityRefused: 3,
  /** The agent could not reach its API server, or lost the connection during the response. */
  Unreachable: 4,
  /** The access that allowed the stream was revoked. */
  Revoked: 5,
  /** An internal error of the side that sent it. */
  Internal: 6,
  /** The peer violated version 1 of the protocol. */
  Protocol: 7,
  /** The peer sent more bytes than it had credit for. */
  FlowControl: 8,
  /** The peer was silent for too long, or does not read. */
  Timeout: 9,
  /** The connection under the tunnel is gone. Never sent. */
  ConnectionLost: 10,
  /** Unread data of all streams took too much memory, and this stream was unread for longest. */
  Unread: 11,
} as const;
export type TunnelCode = (typeof TunnelCode)[keyof typeof TunnelCode];

const NAMES: readonly (keyof typeof TunnelCode)[] = Object.keys(TunnelCode) as (keyof typeof TunnelCode)[];

/** Ends a stream or a session. `remote`: the peer sent the code. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly code: TunnelCode;
  readonly remote: boolean;

  constructor(code: TunnelCode, message: string, remote = false) {
    super(message);
    this.code = code;
    this.remote = remote;
  }

  /** The name of the code, for logs and metrics: a closed set. */
  get reason(): keyof typeof TunnelCode {
    return NAMES[this.code] ?? "Internal";
  }
}

/** The code for a number that the peer sent. A number of a later version counts as Internal. */
export const codeFromWire = (number: number): TunnelCode => (number < NAMES.length ? (number as TunnelCode) : TunnelCode.Internal);
