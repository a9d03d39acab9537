import type { Decision } from "../audit.ts";
import type { Context } from "../context.ts";
import { tooMany } from "../refusal.ts";

export interface AgentAsker {
  readonly cluster: string;
  readonly source: string;
  readonly requestId: string;
}

/** Rates are per source, so that a stranger who asks in a cluster's name does not use up what its agent may ask. */
export function admitAgent(context: Context, asker: AgentAsker, action: Decision["action"]): void {
  const { cluster, source } = asker;
  const now = context.now().getTime();
  const waitSeconds = context.agentSources.admit(source, now) || context.agents.admit(`${source} ${cluster}`, now);
  if (waitSeconds === 0) return;
  context.audit.record({ action, decision: "deny", reason: "TooManyRequests", ...asker });
  throw tooMany("TooManyRequests", waitSeconds);
}
