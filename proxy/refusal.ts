// The closed set of answers that the proxy gives of its own; docs/errors.md has the same set, with what a person should do.
import { statusBody } from "../lib/identity/status.ts";

interface Kind {
  /** HTTP status code. */
  readonly code: number;
  /** metav1.StatusReason */
  readonly reason: string;
  /** Seconds; clients ask again by themselves. Only where it is sure that nothing was begun. */
  readonly retryAfter?: number;
}

export const REFUSALS = {
  MalformedRequest: { code: 400, reason: "BadRequest" },
  PathRefused: { code: 400, reason: "BadRequest" },
  HeaderRefused: { code: 400, reason: "BadRequest" },
  ImpersonationRefused: { code: 400, reason: "BadRequest" },
  UpgradeRefused: { code: 400, reason: "BadRequest" },
  Unauthorized: { code: 401, reason: "Unauthorized" },
  OutOfScope: { code: 403, reason: "Forbidden" },
  NoAccess: { code: 403, reason: "Forbidden" },
  AgentForbidden: { code: 403, reason: "Forbidden" },
  IdentityRefused: { code: 403, reason: "Forbidden" },
  AccessEnded: { code: 403, reason: "Forbidden" },
  NotFound: { code: 404, reason: "NotFound" },
  MethodNotAllowed: { code: 405, reason: "MethodNotAllowed" },
  RequestTooSlow: { code: 408, reason: "Timeout" },
  BodyTooLarge: { code: 413, reason: "RequestEntityTooLarge" },
  TooManyRequests: { code: 429, reason: "TooManyRequests", retryAfter: 1 },
  HeadersTooLarge: { code: 431, reason: "BadRequest" },
  InternalError: { code: 500, reason: "InternalError" },
  ClusterUnreachable: { code: 502, reason: "ServiceUnavailable" },
  AnswerRefused: { code: 502, reason: "ServiceUnavailable" },
  Interrupted: { code: 502, reason: "ServiceUnavailable" },
  NotConnected: { code: 503, reason: "ServiceUnavailable", retryAfter: 1 },
  HubUnavailable: { code: 503, reason: "ServiceUnavailable", retryAfter: 1 },
} as const satisfies Record<string, Kind>;

export type RefusalCode = keyof typeof REFUSALS;

/** An end of the pipeline: what the client is told, and for the audit record a word more. Never holds anything that was sent as a secret. */
export class Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  /** CamelCase, from a small set; for the audit record only. */
  readonly because: string | undefined;

  constructor(code: RefusalCode, message: string, because?: string) {
    this.code = code;
    this.message = message;
    this.because = because;
  }

  get status(): number {
    return REFUSALS[this.code].code;
  }

  /** Headers (names and values in turn) and body of the answer. */
  answer(): { readonly status: number; readonly headers: string[]; readonly body: Buffer } {
    const kind: Kind = REFUSALS[this.code];
    const retry = kind.retryAfter === undefined ? {} : { retryAfterSeconds: kind.retryAfter };
    const body = Buffer.from(statusBody({ code: kind.code, reason: kind.reason, message: this.message, cause: this.code, ...retry }));
    const headers = ["Content-Type", "application/json", "Content-Length", String(body.length), "Cache-Control", "no-store"];
    headers.push("X-Content-Type-Options", "nosniff", "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (kind.code === 401) headers.push("WWW-Authenticate", "Bearer");
    if (kind.retryAfter !== undefined) headers.push("Retry-After", String(kind.retryAfter));
    return { status: kind.code, headers, body };
  }
}
