import { fullJitterMs, pause } from "../lib/kube/backoff.ts";
import { describe, type Log } from "../lib/kube/log.ts";

/** Tries until it works, with full-jitter backoff; rejects only when the signal aborts. `what` completes "cannot …". */
export async function patiently<T>(what: string, attempt: () => Promise<T>, log: Log, signal: AbortSignal): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      log.warn(`cannot ${what}`, { error: describe(error) });
      await pause(fullJitterMs(failures, { baseMs: 250, capMs: 10_000 }), signal);
      signal.throwIfAborted();
    }
  }
}
