import type { TunnelError } from "./errors.ts";

const MAX_UNANSWERED_PINGS = 100;
/** PINGs that a peer may send: a burst, and then a rate per second. Our own end sends one every ten seconds, and some to measure the round trip. */
const PING_BURST = 100;
const PINGS_PER_SECOND = 10;

export interface KeepAliveOptions {
  /** Milliseconds between two PINGs. */
  readonly pingIntervalMs: number;
  /** Milliseconds of silence after which the peer counts as gone. */
  readonly pingTimeoutMs: number;
  /** Sends a PING with this payload of 8 bytes. */
  readonly sendPing: (payload: Buffer) => void;
  /** Called when the peer was silent for too long, or leaves too many PINGs unanswered. */
  readonly onSilent: () => void;
}

/** Finds out whether the peer is alive, and limits the PINGs that it sends. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #timer: NodeJS.Timeout;
  #received = true;
  #silentMs = 0;
  #lastPing = 0n;
  /** By the number in the PING's payload, in the order of sending. */
  readonly #pings = new Map<bigint, PromiseWithResolvers<void>>();
  readonly #peersPings = { left: PING_BURST, at: performance.now() };

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), options.pingIntervalMs);
    this.#timer.unref();
  }

  /** Something came from the peer. */
  received(): void {
    this.#received = true;
  }

  /** The round trip in milliseconds. Rejects with the error given to `end`. */
  async ping(): Promise<number> {
    const started = performance.now();
    const pong = Promise.withResolvers<void>();
    this.#lastPing++;
    this.#pings.set(this.#lastPing, pong);
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64BE(this.#lastPing);
    this.#options.sendPing(payload);
    await pong.promise;
    return performance.now() - started;
  }

  /** The answer to one PING also answers those sent before it. */
  answered(id: bigint): void {
    for (const [sent, pong] of this.#pings) {
      if (sent > id) return;
      this.#pings.delete(sent);
      pong.resolve();
    }
  }

  /** Counts a PING of the peer. False: it sends too many. */
  allowsPing(): boolean {
    const now = performance.now();
    const allowance = this.#peersPings;
    allowance.left = Math.min(PING_BURST, allowance.left + ((now - allowance.at) / 1000) * PINGS_PER_SECOND) - 1;
    allowance.at = now;
    return allowance.left >= 0;
  }

  /** The tunnel is over: PINGs without an answer fail. */
  end(error: TunnelError): void {
    clearInterval(this.#timer);
    for (const ping of this.#pings.values()) ping.reject(error);
  }

  #check(): void {
    this.#silentMs = this.#received ? 0 : this.#silentMs + this.#options.pingIntervalMs;
    this.#received = false;
    if (this.#silentMs >= this.#options.pingTimeoutMs || this.#pings.size > MAX_UNANSWERED_PINGS) this.#options.onSilent();
    else this.ping().catch(() => {});
  }
}
