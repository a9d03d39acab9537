// A refusal is an answer: a Kubernetes Status for the client, and a reason of our own for the audit record.

/** The words that Kubernetes uses in `Status.reason` for the codes that auth answers with. */
const STATUS_REASON: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  408: "Timeout",
  409: "Conflict",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  429: "TooManyRequests",
  431: "RequestHeaderFieldsTooLarge",
  500: "InternalError",
  503: "ServiceUnavailable",
};

/** Thrown by whatever decides; `message` goes to the client and so never says more than a stranger may know. */
export class Refusal extends Error {
  readonly code: number;
  /** For the audit record and the metrics only: CamelCase, from a small set. */
  readonly because: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: number, because: string, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.because = because;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Readonly<Record<string, never>>;
  readonly status: "Failure";
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly details?: { readonly retryAfterSeconds: number };
}

export function statusBody(code: number, message: string, retryAfterSeconds?: number): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: STATUS_REASON[code] ?? "Unknown",
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  };
}

export const tooMany = (because: string, retryAfterSeconds: number): Refusal =>
  new Refusal(429, because, `too many requests; try again in ${retryAfterSeconds} s`, retryAfterSeconds);
