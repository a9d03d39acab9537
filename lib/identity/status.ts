// The Kubernetes Status with which everything of Drover refuses: kubectl prints its message as it prints an API server's.

export interface StatusContent {
  /** HTTP status code. */
  readonly code: number;
  /** A word of metav1.StatusReason: kubectl chooses its wording by it. */
  readonly reason: string;
  readonly message: string;
  /** A code of our own, from a documented set; becomes the reason of a cause. */
  readonly cause?: string;
  readonly retryAfterSeconds?: number;
}

/** The Status as JSON text. */
export function statusBody({ code, reason, message, cause, retryAfterSeconds }: StatusContent): string {
  const details = {
    ...(cause === undefined ? {} : { causes: [{ reason: cause, message }] }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  return JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    code,
  });
}
