// How often an agent may ask.
import { tooManyRequests } from "../../lib/server/refusal.ts";
import type { Source } from "../../lib/server/source.ts";
import type { Decision } from "../audit.ts";
import type { Context } from "../context.ts";

/** Who asks. */
export interface AgentClient {
  /** As the request names it. */
  readonly cluster: string;
  readonly source: Source;
  readonly requestId: string;
}

/** The fields for the audit record. */
export const recorded = ({ cluster, source, requestId }: AgentClient) => ({ cluster, source: source.address, requestId });

/**
 * Throws TooManyRequests. Limits are per source, so that a client that asks in a cluster's name does not use up what its agent may ask. Where a
 * source stands for many clients, each cluster has its own limit.
 */
export function admitAgent(context: Context, client: AgentClient, action: Decision["action"]): void {
  const { cluster, source } = client;
  const now = context.now().getTime();
  const waitSeconds =
    (source.standsForMany ? 0 : context.agentSources.admit(source.key, now)) || context.agents.admit(`${source.key} ${cluster}`, now);
  if (waitSeconds === 0) return;
  context.audit.record({ action, decision: "deny", reason: "TooManyRequests", ...recorded(client) });
  throw tooManyRequests("TooManyRequests", waitSeconds);
}
