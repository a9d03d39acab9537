import { tooManyRequests } from "../../lib/server/refusal.ts";
import type { Source } from "../../lib/server/source.ts";
import type { Decision } from "../audit.ts";
import type { Context } from "../context.ts";

export interface AgentRequest {
  readonly cluster: string;
  readonly source: Source;
  readonly requestId: string;
}

/** Of the asker, what goes into the audit record. */
export const recorded = ({ cluster, source, requestId }: AgentRequest) => ({ cluster, source: source.address, requestId });

/**
 * Rates are per source, so that a stranger who asks in a cluster's name does not use up what its agent may ask; of a source that stands for
 * many, each cluster's by itself.
 */
export function admitAgent(context: Context, asker: AgentRequest, action: Decision["action"]): void {
  const { cluster, source } = asker;
  const now = context.now().getTime();
  const waitSeconds =
    (source.standsForMany ? 0 : context.agentSources.admit(source.key, now)) || context.agents.admit(`${source.key} ${cluster}`, now);
  if (waitSeconds === 0) return;
  context.audit.record({ action, decision: "deny", reason: "TooManyRequests", ...recorded(asker) });
  throw tooManyRequests("TooManyRequests", waitSeconds);
}
