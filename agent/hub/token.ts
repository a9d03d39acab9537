// A bearer token that is always fresh: renewed at two thirds of its life, sooner when a server refused it.
import { pause, retry } from "../../lib/kube/backoff.ts";
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
/** However often it is refused, a token that was just made is not replaced at once. */
const LEAST_AGE_MS = 5_000;

export class TokenSource<F extends Fresh> {
  readonly #options: TokenSourceOptions<F>;
  readonly #first = Promise.withResolvers<void>();
  #current: { token: string; until: number; madeAt: number } | undefined;
  #renew = new AbortController();
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

  /** A server answered 401 to this token. */
  reject(token: string): void {
    const current = this.#current;
    if (current?.token === token && performance.now() - current.madeAt > LEAST_AGE_MS) this.#renew.abort();
  }

  /** As `reject`, where it is not known which token was refused. */
  rejectCurrent(): void {
    if (this.#current !== undefined) this.reject(this.#current.token);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { what, obtain, log, onFresh } = this.#options;
    const onError = (error: unknown, failures: number): void => {
      this.#lastError = describe(error);
      // Once in a while is enough to say the same thing.
      if (failures % 10 === 1) log.warn(`cannot get a ${what}`, { error: this.#lastError });
    };
    try {
      while (!signal.aborted) {
        this.#renew = new AbortController();
        const fresh = await retry(() => obtain(signal), { backoff: BACKOFF, signal, onError });
        const now = performance.now();
        this.#current = { token: fresh.token, until: now + fresh.lifetimeMs, madeAt: now };
        onFresh?.(fresh);
        this.#first.resolve();
        await pause((fresh.lifetimeMs * 2) / 3, AbortSignal.any([signal, this.#renew.signal]));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#first.reject(new Error("stopped"));
    }
  }
}
