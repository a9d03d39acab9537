// A bearer token that is always fresh: renewed at two thirds of its life, sooner when somebody was told that it is no good.
import { fullJitterMs, pause } from "../../lib/kube/backoff.ts";
import { describe, type Log } from "../../lib/kube/log.ts";

export interface Fresh {
  readonly token: string;
  readonly lifetimeMs: number;
}

export interface TokenSourceOptions<F extends Fresh> {
  readonly what: string;
  /** One attempt to get a token. */
  readonly obtain: (signal: AbortSignal) => Promise<F>;
  readonly log: Log;
  readonly onFresh?: (fresh: F) => void;
}

const BACKOFF = { baseMs: 250, capMs: 15_000 };
/** However often it is called bad, a token that was just made is not made again at once. */
const LEAST_AGE_MS = 5_000;

export class TokenSource<F extends Fresh> {
  readonly #options: TokenSourceOptions<F>;
  readonly #first = Promise.withResolvers<void>();
  #current: { token: string; until: number; madeAt: number } | undefined;
  #wake = new AbortController();
  #lastError = "not signed in yet";

  constructor(options: TokenSourceOptions<F>) {
    this.#options = options;
    this.#first.promise.catch(() => {});
  }

  /** Resolves with the first token; rejects when the source was stopped before. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  /** Whether there ever was a token. */
  get hadOne(): boolean {
    return this.#current !== undefined;
  }

  /** Throws, with the reason, while there is no token that is still good. */
  get(): string {
    const current = this.#current;
    if (current === undefined || performance.now() >= current.until) throw new Error(`no ${this.#options.what}: ${this.#lastError}`);
    return current.token;
  }

  /** Somebody was told 401 with this token. */
  reject(token: string): void {
    const current = this.#current;
    if (current?.token === token && performance.now() - current.madeAt > LEAST_AGE_MS) this.#wake.abort();
  }

  /** As `reject`, for who does not know which token it was. */
  rejectCurrent(): void {
    if (this.#current !== undefined) this.reject(this.#current.token);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      this.#wake = new AbortController();
      try {
        const fresh = await this.#options.obtain(signal);
        const now = performance.now();
        this.#current = { token: fresh.token, until: now + fresh.lifetimeMs, madeAt: now };
        this.#options.onFresh?.(fresh);
        this.#first.resolve();
        failures = 0;
        await pause((fresh.lifetimeMs * 2) / 3, AbortSignal.any([signal, this.#wake.signal]));
      } catch (error) {
        if (signal.aborted) break;
        this.#lastError = describe(error);
        // Once in a while is enough to say the same thing.
        if (failures % 10 === 0) this.#options.log.warn(`cannot get a ${this.#options.what}`, { error: this.#lastError });
        await pause(fullJitterMs(failures++, BACKOFF), signal);
      }
    }
    this.#first.reject(new Error("stopped"));
  }
}
