/** The API server answered with an error. `code` is the HTTP status, or the code of an ERROR event of a watch. */
export class ApiError extends Error {
  readonly code: number;
  /** The machine-readable reason of the Status ("NotFound", "Conflict", "Expired", …); "" when the body was not a Status. */
  readonly reason: string;
  /** Retry-After, or the value in the details of the Status, in seconds. */
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

/** No response: connection refused or reset, name not resolved, certificate not verified. `cause` is the underlying error. */
export class ConnectionError extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = "ConnectionError";
  }
}

/** No response in time. Whether a write took effect is unknown. */
export class TimeoutError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "TimeoutError";
  }
}

/** A write was not sent, because another process may hold the lease by now. */
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
/** The server does not have the resourceVersion any more, or not yet: a new list is needed. */
export const isGone = (error: unknown): boolean => hasCode(error, 410) || isTooLargeResourceVersion(error);

/** Temporary errors: a retry of the same request can succeed. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError || error instanceof TimeoutError || error instanceof FencedError) return true;
  return error instanceof ApiError && (error.code >= 500 || error.code === 429 || error.code === 408 || isConflict(error));
}

/** How a server that lags behind, or whose storage was restored from a backup, refuses a version that it has not reached. */
function isTooLargeResourceVersion(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const causes = (error.details as { causes?: { reason?: string }[] } | undefined)?.causes ?? [];
  return causes.some((cause) => cause.reason === "ResourceVersionTooLarge");
}

/** The error for a response whose body may be a Status. `request` begins the message. */
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
