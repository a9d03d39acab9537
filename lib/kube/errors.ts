/** The API server answered, and the answer was not a success. `code` is the HTTP status, or the code of a watch's ERROR event. */
export class ApiError extends Error {
  readonly code: number;
  /** The Status' machine-readable reason ("NotFound", "Conflict", "Expired", …); "" when the body was no Status. */
  readonly reason: string;
  /** What the server asked for in Retry-After (or in the Status' details), in seconds. */
  readonly retryAfterSeconds?: number;
  readonly details?: unknown;

  constructor(code: number, reason: string, message: string, more: { retryAfterSeconds?: number | undefined; details?: unknown } = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.reason = reason;
    if (more.retryAfterSeconds !== undefined) this.retryAfterSeconds = more.retryAfterSeconds;
    if (more.details !== undefined) this.details = more.details;
  }
}

/** No answer: refused, reset, a name that does not resolve, a certificate that does not verify. `cause` is the underlying error. */
export class ConnectionError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = "ConnectionError";
  }
}

/** No answer in time. Whether a write took effect is unknown. */
export class TimeoutError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeoutError";
  }
}

/** A write that was not sent, because the lease under which it was to be made may have passed to somebody else. */
export class FencedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "FencedError";
  }
}

const hasCode = (error: unknown, code: number, reason?: string): boolean =>
  error instanceof ApiError && error.code === code && (reason === undefined || error.reason === reason);

export const isNotFound = (error: unknown): boolean => hasCode(error, 404);
/** A 409 that is not "already exists": the object changed since it was read, or a precondition on uid or resourceVersion did not hold. */
export const isConflict = (error: unknown): boolean => hasCode(error, 409) && !isAlreadyExists(error);
export const isAlreadyExists = (error: unknown): boolean => hasCode(error, 409, "AlreadyExists");
export const isForbidden = (error: unknown): boolean => hasCode(error, 403);
export const isInvalid = (error: unknown): boolean => hasCode(error, 422);
/** The resourceVersion is no longer (or not yet) known to the server: only a new list helps. */
export const isGone = (error: unknown): boolean => hasCode(error, 410) || isTooLargeResourceVersion(error);

/** Errors that pass by themselves: nothing in what was asked is wrong. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError || error instanceof TimeoutError || error instanceof FencedError) return true;
  return error instanceof ApiError && (error.code >= 500 || error.code === 429 || error.code === 408 || isConflict(error));
}

/** A server whose storage was restored from a backup (or that lags behind) refuses versions from its future this way. */
function isTooLargeResourceVersion(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const causes = (error.details as { causes?: { reason?: string }[] } | undefined)?.causes ?? [];
  return causes.some((cause) => cause.reason === "ResourceVersionTooLarge");
}

/** The error for an answer whose body may be a Status. */
export function errorFromStatus(code: number, body: unknown, request: string, retryAfterHeader?: string): ApiError {
  const status = (typeof body === "object" && body !== null ? body : {}) as {
    reason?: string;
    message?: string;
    details?: { retryAfterSeconds?: number };
  };
  const header = retryAfterHeader === undefined ? Number.NaN : Number(retryAfterHeader);
  const message = status.message ?? (typeof body === "string" && body !== "" ? body.trim().slice(0, 500) : "no message");
  return new ApiError(code, status.reason ?? "", `${request}: ${code} ${message}`, {
    retryAfterSeconds: Number.isFinite(header) ? header : status.details?.retryAfterSeconds,
    details: status.details,
  });
}
