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
