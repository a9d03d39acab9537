import { INITIAL_WINDOW_BYTES } from "./frame.ts";

/** Limits of one end of a tunnel. */
export interface TunnelConfig {
  /** Unread bytes a new stream may hold. Both ends must use the same number (version 1: 64 KiB). */
  readonly initialWindowBytes: number;
  /** Unread bytes a stream may hold once somebody reads it. */
  readonly windowBytes: number;
  /** What all streams hold that is unread or may not be sent yet, when no budget is given that several tunnels share. */
  readonly maxUnreadBytes: number;
  /** Streams open at once. The acceptor refuses more; the opener does not ask for more. */
  readonly maxStreams: number;
  /** Longest OPEN or HEAD payload, in bytes: headers, and the user's groups. */
  readonly maxHeadBytes: number;
  /** Longest DATA payload that we send, so that a bulk answer does not hold up a small one for long. */
  readonly maxDataBytes: number;
  /** Silence after which we send a PING. */
  readonly pingIntervalMs: number;
  /** Silence after which the peer counts as gone. */
  readonly pingTimeoutMs: number;
  /** Bytes that may wait for a peer who does not read, before the tunnel ends. */
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

/** Defaults filled in. Throws on a contradiction. */
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
