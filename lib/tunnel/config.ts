import { INITIAL_WINDOW_BYTES } from "./frame.ts";

/** Limits of one end of a tunnel. Sizes in bytes, times in milliseconds. */
export interface TunnelConfig {
  /** Unread bytes that a new stream may buffer. Both ends must use the same number (version 1: 64 KiB). */
  readonly initialWindowBytes: number;
  /** Unread bytes that a stream may buffer once it is read. */
  readonly windowBytes: number;
  /** Bytes that all streams may buffer together, unread or not yet sent; used when no shared budget is given. */
  readonly maxUnreadBytes: number;
  /** Streams open at once. The acceptor refuses more, and the opener does not open more. */
  readonly maxStreams: number;
  /** Longest OPEN or HEAD payload, in bytes: headers, and the user's groups. */
  readonly maxHeadBytes: number;
  /** Longest DATA payload to send: a bulk response must not delay a small one for long. */
  readonly maxDataBytes: number;
  /** Time between two PINGs. */
  readonly pingIntervalMs: number;
  /** Silence after which the peer counts as gone. */
  readonly pingTimeoutMs: number;
  /** Bytes that may wait for a peer that does not read; beyond it the tunnel ends. */
  readonly maxBacklogBytes: number;
}

export const defaultTunnelConfig: TunnelConfig = Object.freeze({
  initialWindowBytes: INITIAL_WINDOW_BYTES,
  windowBytes: 256 * 1024,
  maxUnreadBytes: 32 * 1024 * 1024,
  maxStreams: 2_000,
  maxHeadBytes: 256 * 1024,
  maxDataBytes: 32 * 1024,
  pingIntervalMs: 10_000,
  pingTimeoutMs: 30_000,
  maxBacklogBytes: 8 * 1024 * 1024,
});

/** Fills in the defaults. Throws a RangeError for a value that is no positive whole number, and for contradictory limits. */
export function tunnelConfig(partial: Partial<TunnelConfig> = {}): TunnelConfig {
  const config = { ...defaultTunnelConfig, ...partial };
  for (const [name, value] of Object.entries(config)) {
    if (!Number.isSafeInteger(value) || value <= 0) throw new RangeError(`tunnel: ${name} must be a positive whole number, not ${value}`);
  }
  if (config.pingTimeoutMs <= config.pingIntervalMs) throw new RangeError("tunnel: pingTimeoutMs must be longer than pingIntervalMs");
  if (config.windowBytes < config.initialWindowBytes) throw new RangeError("tunnel: windowBytes must not be less than initialWindowBytes");
  if (config.maxHeadBytes > 0xffffff || config.maxDataBytes > 0xffffff) throw new RangeError("tunnel: a frame holds at most 16 MiB - 1");
  return Object.freeze(config);
}
