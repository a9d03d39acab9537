// Evaluates an agent's report into conditions. The agent writes them to the report, and the clusters operator to the Cluster. Pure.
import type { ReasonOf } from "../../crds/schema/condition.ts";
import { AccessApplied, Healthy, type ReportStatus } from "../../crds/v1alpha1/clusterreport.ts";
import { CLUSTER_SET } from "./names.ts";

export interface ReportCondition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: ReasonOf<typeof Healthy> | ReasonOf<typeof AccessApplied>;
  readonly message: string;
}

/** Conditions Healthy and AccessApplied. */
export const evaluateReport = (report: ReportStatus): readonly ReportCondition[] => [healthyCondition(report), accessCondition(report)];

function healthyCondition({ healthy }: ReportStatus): ReportCondition {
  const { type } = Healthy;
  if (healthy === undefined) return { type, status: "Unknown", reason: Healthy.NotReported, message: "the agent has not reported yet" };
  if (healthy) return { type, status: "True", reason: Healthy.Healthy, message: "" };
  return { type, status: "False", reason: Healthy.Unhealthy, message: "the cluster's API server does not say that it is ready" };
}

function accessCondition({ guards, access }: ReportStatus): ReportCondition {
  const { type } = AccessApplied;
  const not = (reason: ReasonOf<typeof AccessApplied>, message: string): ReportCondition => ({ type, status: "False", reason, message });
  if (guards?.state !== "Enforced")
    return not("GuardsNotEnforced", cut(guards?.message ?? "") || "the agent has not probed the guards yet");
  if (!access?.epochs?.some(({ set }) => set === CLUSTER_SET)) return not("NotApplied", "the agent has applied nothing yet");
  const restored = access.restored ?? [];
  if (restored.length > 0) return not("HubRestored", restoredMessage(restored));
  return { type, status: "True", reason: AccessApplied.Applied, message: "" };
}

/** A report has at most 64 KiB, and holds this three times; `guards.message` has all of it. */
const cut = (message: string): string => message.slice(0, 512).toWellFormed();

function restoredMessage(restored: readonly { readonly object: string }[]): string {
  const more = restored.length > 1 ? ` and ${restored.length - 1} more` : "";
  return `${restored[0]?.object}${more} does not go on from what the agent knows, so it grants nothing new: the hub was restored from a backup; see \`kubectl drover hub accept-restore\``;
}
