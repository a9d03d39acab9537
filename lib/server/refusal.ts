// Every refusal that auth and the proxy answer themselves, as one closed set. Each is a Kubernetes Status, so kubectl prints its message
// as it prints an API server's. docs/errors.md lists the same set and says what to do; a test compares the two.
import { SAFETY_HEADERS } from "./safety-headers.ts";

type ServerName = "auth" | "proxy";

interface RefusalKind {
  /** HTTP status code. */
  readonly status: number;
  /** metav1.StatusReason: kubectl chooses its wording by it. */
  readonly reason: string;
  /** The servers that answer with it. */
  readonly by: readonly ServerName[];
  /** Clients repeat the request after this time, writes too. Present only where nothing of the request was carried out. */
  readonly retryAfterSeconds?: number;
}

const AUTH: readonly ServerName[] = ["auth"];
const PROXY: readonly ServerName[] = ["proxy"];
const BOTH: readonly ServerName[] = ["auth", "proxy"];

export const REFUSALS = {
  MalformedRequest: { status: 400, reason: "BadRequest", by: BOTH },
  BadRequest: { status: 400, reason: "BadRequest", by: AUTH },
  LifetimeTooLong: { status: 400, reason: "BadRequest", by: AUTH },
  NoPasswordProvider: { status: 400, reason: "BadRequest", by: AUTH },
  PathRefused: { status: 400, reason: "BadRequest", by: PROXY },
  HeaderRefused: { status: 400, reason: "BadRequest", by: PROXY },
  ImpersonationRefused: { status: 400, reason: "BadRequest", by: PROXY },
  UpgradeRefused: { status: 400, reason: "BadRequest", by: PROXY },
  Unauthorized: { status: 401, reason: "Unauthorized", by: BOTH },
  LoginRefused: { status: 401, reason: "Unauthorized", by: AUTH },
  ProviderNotInUse: { status: 403, reason: "Forbidden", by: AUTH },
  RegistrationRefused: { status: 403, reason: "Forbidden", by: AUTH },
  RegistrationExpired: { status: 403, reason: "Forbidden", by: AUTH },
  OtherKeyRegistered: { status: 403, reason: "Forbidden", by: AUTH },
  SignatureRefused: { status: 403, reason: "Forbidden", by: AUTH },
  NonceRefused: { status: 403, reason: "Forbidden", by: AUTH },
  NotRegistered: { status: 403, reason: "Forbidden", by: AUTH },
  AwaitingApproval: { status: 403, reason: "Forbidden", by: AUTH },
  OutOfScope: { status: 403, reason: "Forbidden", by: PROXY },
  NoAccess: { status: 403, reason: "Forbidden", by: PROXY },
  AgentForbidden: { status: 403, reason: "Forbidden", by: PROXY },
  IdentityRefused: { status: 403, reason: "Forbidden", by: PROXY },
  AccessEnded: { status: 403, reason: "Forbidden", by: PROXY },
  NotFound: { status: 404, reason: "NotFound", by: BOTH },
  UnknownProvider: { status: 404, reason: "NotFound", by: AUTH },
  MethodNotAllowed: { status: 405, reason: "MethodNotAllowed", by: PROXY },
  RequestTooSlow: { status: 408, reason: "Timeout", by: BOTH },
  BodyTooLarge: { status: 413, reason: "RequestEntityTooLarge", by: BOTH },
  NotJSON: { status: 415, reason: "UnsupportedMediaType", by: AUTH },
  TooManyRequests: { status: 429, reason: "TooManyRequests", by: BOTH, retryAfterSeconds: 1 },
  HeadersTooLarge: { status: 431, reason: "BadRequest", by: BOTH },
  InternalError: { status: 500, reason: "InternalError", by: AUTH },
  ClusterUnreachable: { status: 502, reason: "ServiceUnavailable", by: PROXY },
  AnswerRefused: { status: 502, reason: "ServiceUnavailable", by: PROXY },
  Interrupted: { status: 502, reason: "ServiceUnavailable", by: PROXY },
  NotConnected: { status: 503, reason: "ServiceUnavailable", by: PROXY, retryAfterSeconds: 1 },
  HubUnavailable: { status: 503, reason: "ServiceUnavailable", by: BOTH, retryAfterSeconds: 1 },
  Busy: { status: 503, reason: "ServiceUnavailable", by: AUTH, retryAfterSeconds: 5 },
  AccountNotReady: { status: 503, reason: "ServiceUnavailable", by: AUTH, retryAfterSeconds: 2 },
} as const satisfies Record<string, RefusalKind>;

export type RefusalCode = keyof typeof REFUSALS;

interface RefusalDetails {
  /** Why, for the audit record and metrics only: CamelCase, from a small set. The client never sees it. */
  readonly auditReason?: string;
  /** Instead of the time in REFUSALS. */
  readonly retryAfterSeconds?: number;
}

/** An HTTP answer. */
export interface RefusalAnswer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: string[];
  /** The Status as JSON. */
  readonly body: Buffer;
}

/** A decision against a request. The client gets `message`, so it says no more than a client without credentials may know. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly auditReason: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message);
    const kind: RefusalKind = REFUSALS[code];
    this.code = code;
    this.auditReason = details.auditReason;
    this.retryAfterSeconds = details.retryAfterSeconds ?? kind.retryAfterSeconds;
  }

  get status(): number {
    return REFUSALS[this.code].status;
  }

  answer(): RefusalAnswer {
    const { code, message, retryAfterSeconds, status } = this;
    const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    const details = { causes: [{ reason: code, message }], ...retry };
    const { reason } = REFUSALS[code];
    const content = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, details, code: status };
    const body = Buffer.from(JSON.stringify(content));
    const headers = ["Content-Type", "application/json", "Content-Length", String(body.length), ...SAFETY_HEADERS];
    if (status === 401) headers.push("WWW-Authenticate", "Bearer");
    if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
    return { status, headers, body };
  }
}

export const tooManyRequests = (auditReason: string, retryAfterSeconds: number): Refusal =>
  new Refusal("TooManyRequests", `too many requests; try again in ${retryAfterSeconds} s`, { auditReason, retryAfterSeconds });
