// The closed set of answers by which auth refuses; docs/errors.md has the same set, with what a person should do.
import { statusBody } from "../lib/identity/status.ts";

interface Kind {
  /** HTTP status code. */
  readonly code: number;
  /** metav1.StatusReason */
  readonly reason: string;
}

export const REFUSALS = {
  BadRequest: { code: 400, reason: "BadRequest" },
  LifetimeTooLong: { code: 400, reason: "BadRequest" },
  NoPasswordProvider: { code: 400, reason: "BadRequest" },
  LoginRefused: { code: 401, reason: "Unauthorized" },
  Unauthorized: { code: 401, reason: "Unauthorized" },
  ProviderNotInUse: { code: 403, reason: "Forbidden" },
  RegistrationRefused: { code: 403, reason: "Forbidden" },
  RegistrationExpired: { code: 403, reason: "Forbidden" },
  OtherKeyRegistered: { code: 403, reason: "Forbidden" },
  SignatureRefused: { code: 403, reason: "Forbidden" },
  NonceRefused: { code: 403, reason: "Forbidden" },
  NotRegistered: { code: 403, reason: "Forbidden" },
  AwaitingApproval: { code: 403, reason: "Forbidden" },
  NotFound: { code: 404, reason: "NotFound" },
  UnknownProvider: { code: 404, reason: "NotFound" },
  RequestTooSlow: { code: 408, reason: "Timeout" },
  BodyTooLarge: { code: 413, reason: "RequestEntityTooLarge" },
  NotJSON: { code: 415, reason: "UnsupportedMediaType" },
  TooManyRequests: { code: 429, reason: "TooManyRequests" },
  HeadersTooLarge: { code: 431, reason: "BadRequest" },
  InternalError: { code: 500, reason: "InternalError" },
  Busy: { code: 503, reason: "ServiceUnavailable" },
  HubUnavailable: { code: 503, reason: "ServiceUnavailable" },
  AccountNotReady: { code: 503, reason: "ServiceUnavailable" },
} as const satisfies Record<string, Kind>;

export type RefusalCode = keyof typeof REFUSALS;

/** Thrown by whatever decides; `message` goes to the client and so never says more than a stranger may know. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  /** For the audit record and the metrics only: CamelCase, from a small set, and more telling than the code. */
  readonly because: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RefusalCode, message: string, more: { because?: string; retryAfterSeconds?: number } = {}) {
    super(message);
    this.code = code;
    this.because = more.because ?? code;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }

  get status(): number {
    return REFUSALS[this.code].code;
  }

  /** The Status, as JSON text. */
  get body(): string {
    const { message, code: cause, retryAfterSeconds } = this;
    return statusBody({ ...REFUSALS[cause], message, cause, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
  }
}

export const tooMany = (because: string, retryAfterSeconds: number): Refusal =>
  new Refusal("TooManyRequests", `too many requests; try again in ${retryAfterSeconds} s`, { because, retryAfterSeconds });
