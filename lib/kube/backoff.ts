export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Full jitter: a uniformly random delay between 0 and min(cap, base · 2^attempt), attempt counted from 0.
 * The randomness spreads the retries of clients that failed at the same moment, for example when a server restarts.
 */
export function fullJitterMs(attempt: number, { baseMs, capMs }: BackoffLimits, random: () => number = Math.random): number {
  // Beyond 2^30 the cap applies anyway, and the power must not overflow.
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. Never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}

export interface RetryOptions {
  readonly backoff: BackoffLimits;
  readonly signal: AbortSignal;
  /** `failures` counts from 1. */
  readonly onError: (error: unknown, failures: number) => void;
}

/** Attempts until one succeeds, with full-jitter backoff. Rejects only when the signal aborts, with its reason. */
export async function retry<T>(attempt: () => Promise<T>, { backoff, signal, onError }: RetryOptions): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      onError(error, failures + 1);
      await pause(fullJitterMs(failures, backoff), signal);
    }
  }
}
