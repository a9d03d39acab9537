// The refusal for a stream through the tunnel that ended without an answer, or with one that is not passed on.

import { Refusal } from "../lib/server/refusal.ts";
import { TunnelCode, TunnelError } from "../lib/tunnel/errors.ts";

export function interruption(error: Error, cluster: string): Refusal {
  switch (error instanceof TunnelError ? error.code : TunnelCode.Internal) {
    case TunnelCode.Refused:
      return new Refusal("TooManyRequests", `the tunnel to the cluster "${cluster}" takes no more requests at the moment`);
    case TunnelCode.IdentityRefused:
      return new Refusal("IdentityRefused", `the agent of the cluster "${cluster}" refuses this identity`);
    case TunnelCode.Unreachable:
      return new Refusal("ClusterUnreachable", `the agent of the cluster "${cluster}" cannot reach its API server`);
    case TunnelCode.Revoked:
      return new Refusal("AccessEnded", `forbidden: the access on which this request rested has ended in the cluster "${cluster}"`);
    case TunnelCode.Unread:
      return new Refusal(
        "Interrupted",
        "the proxy or the agent buffers too much that is not read, and gave this request up; whether it was carried out is not known",
        { auditReason: "Unread" },
      );
    default:
      return new Refusal(
        "Interrupted",
        `the connection to the cluster "${cluster}" broke before it answered; whether the request was carried out is not known`,
      );
  }
}

export const notConnected = (cluster: string): Refusal =>
  new Refusal("NotConnected", `the cluster "${cluster}" is not connected: its agent has no tunnel to this proxy`);

/** `reason`: why the answer is not passed on; see evaluateAnswer. */
export const answerRefused = (cluster: string, reason: string): Refusal =>
  new Refusal("AnswerRefused", `the cluster "${cluster}" ${reason}; whether it carried the request out is not known`);
