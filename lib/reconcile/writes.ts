// The writes of one plan, each by itself: one that the server refuses keeps no other from being done. A withdrawal must not wait for
// somebody to mend an object that has nothing to do with it.
import { ApiError, ConnectionError, FencedError, TimeoutError } from "../kube/client.ts";
import { describe } from "../kube/log.ts";

/** Several writes failed; all others were done. */
export class WritesFailed extends Error {
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super(`${errors.length} writes failed: ${errors.map(describe).join("; ")}`);
    this.name = "WritesFailed";
    this.errors = errors;
  }
}

/** So often a server may fail to answer before the rest of a plan waits for the next pass: each time may cost a whole timeout. */
const UNANSWERED_BEFORE_STOP = 3;

/**
 * Does them one after the other. Throws, after the last one, what failed: the error itself when there is one, otherwise WritesFailed.
 * Stops early when writing is no longer allowed, or when the server seems to answer nothing at all.
 */
export async function eachByItself(writes: readonly (() => Promise<unknown>)[], signal: AbortSignal): Promise<void> {
  const errors: unknown[] = [];
  let unanswered = 0;
  for (const write of writes) {
    try {
      await write();
    } catch (error) {
      if (signal.aborted || error instanceof FencedError) throw error;
      errors.push(error);
      if (saysNothingOfTheObject(error) && ++unanswered === UNANSWERED_BEFORE_STOP) break;
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new WritesFailed(errors);
}

/** True when it holds for the error, or for each of several. */
export const allOf = (error: unknown, is: (one: unknown) => boolean): boolean =>
  error instanceof WritesFailed ? error.errors.every(is) : is(error);

/** In seconds; 0 when nothing asked for a wait. */
export const retryAfterSeconds = (error: unknown): number =>
  Math.max(
    ...(error instanceof WritesFailed ? error.errors : [error]).map((one) => (one instanceof ApiError ? (one.retryAfterSeconds ?? 0) : 0)),
  );

const saysNothingOfTheObject = (error: unknown): boolean =>
  error instanceof ConnectionError || error instanceof TimeoutError || (error instanceof ApiError && error.code === 429);
