// The writes of one plan, each by itself: one that the server refuses keeps no other from being done. A revocation must not wait
// until somebody corrects an object that has nothing to do with it.
import { ApiError, ConnectionError, FencedError, isForbidden, isInvalid, isNotFound, TimeoutError } from "../kube/client.ts";
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

/** What the server refuses for what it is, rather than because the server is busy or away. */
export const isRefusal = (error: unknown): boolean => isForbidden(error) || isInvalid(error) || isNotFound(error);

/**
 * Does them in order, so many at once. Whatever fails is given to `onError`, and the rest goes on; stops early, rejecting, when writing is no
 * longer allowed. Leaves the rest out when the server seems to answer nothing at all.
 */
export async function eachByItself<T>(
  items: readonly T[],
  write: (item: T) => Promise<unknown>,
  o: { readonly atOnce?: number; readonly signal: AbortSignal; readonly onError: (item: T, error: unknown) => void },
): Promise<void> {
  const rest = items.values();
  let unanswered = 0;
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      try {
        await write(item);
      } catch (error) {
        if (o.signal.aborted || error instanceof FencedError) throw error;
        o.onError(item, error);
        if (saysNothingOfTheObject(error)) unanswered++;
      }
      if (unanswered >= UNANSWERED_BEFORE_STOP) return;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(o.atOnce ?? 1, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Throws what failed: the error itself when there is one, otherwise WritesFailed. */
export function throwAll(errors: readonly unknown[]): void {
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
