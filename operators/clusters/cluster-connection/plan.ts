import { isDeepStrictEqual } from "node:util";
import { AccessApplied, type Cluster, Connected, Healthy } from "../../../crds/v1alpha1/cluster.ts";
import type { ReportStatus } from "../../../crds/v1alpha1/clusterreport.ts";
import { evaluateReport } from "../../../lib/access/report-conditions.ts";
import { timeOf } from "../../../lib/kube/object.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { isRecent, lastHeartbeat, SILENCE_MS } from "../heartbeat.ts";
import type { Observed } from "./observe.ts";

export type Status = Omit<NonNullable<Cluster["status"]>, "conditions" | "observedGeneration" | "namespaceUID">;

/** The reconciler's name, and the field manager of its writes. */
export const NAME = "cluster-connection";
const FACTS_EVERY_MS = 5_000;
/** Written with each heartbeat, the time would be a write and an event for everybody who watches clusters. */
const HEARTBEAT_EVERY_MS = 5 * 60_000;

export function plan(cluster: Cluster, { lease, report }: Observed, now: Date): Plan<Status> {
  // Lease and report go before the Cluster does, which is no news of the agent.
  if (cluster.metadata.deletionTimestamp) return { conditions: [], finalizer: "none" };
  const unreadable = [lease, report].find((reading) => reading.is === "unreadable");
  if (unreadable) {
    const unknown = (type: string): ConditionIntent => ({ type, status: "Unknown", reason: "Unreadable", message: unreadable.because });
    const conditions = [Connected, Healthy, AccessApplied].map(({ type }) => unknown(type));
    return { conditions, status: statusNow(cluster), finalizer: "none" };
  }
  const heartbeat = lastHeartbeat(lease.is === "present" ? lease.value : undefined);
  const reported = report.is === "present" ? (report.value.status ?? {}) : {};
  const connected = connectedCondition(heartbeat, now);
  const conditions = [connected, ...reportedConditions(connected, reported)];
  const waitMs = factsWait(cluster, factsOf(reported), conditions, now);
  if (waitMs > 0) {
    return {
      conditions,
      status: statusNow(cluster),
      finalizer: "none",
      requeueAfter: { ms: waitMs, because: "facts changed a moment ago" },
    };
  }
  return {
    conditions,
    status: { ...factsOf(reported), ...noted(cluster, heartbeat, connected.status === "True") },
    finalizer: "none",
    ...(heartbeat !== undefined &&
      connected.status === "True" && {
        requeueAfter: { ms: heartbeat + SILENCE_MS - now.getTime(), because: "the next heartbeat may be missing" },
      }),
  };
}

function connectedCondition(heartbeat: number | undefined, now: Date): ConditionIntent {
  const { type } = Connected;
  if (heartbeat === undefined)
    return {
      type,
      status: "False",
      reason: Connected.NeverConnected,
      message: "no heartbeat was seen yet; look at the agent's log in the managed cluster, namespace drover-system",
    };
  if (isRecent(heartbeat, now)) return { type, status: "True", reason: Connected.Connected, message: "" };
  const message = `the last heartbeat came at ${timeOf(new Date(heartbeat))}`;
  return { type, status: "False", reason: Connected.HeartbeatLost, message };
}

/** What the report says; while the agent does not answer, it may be out of date. */
function reportedConditions(connected: ConditionIntent, report: ReportStatus): readonly ConditionIntent[] {
  if (connected.status === "True") return evaluateReport(report);
  const { message } = connected;
  return [
    { type: Healthy.type, status: "Unknown", reason: Healthy.NotConnected, message },
    { type: AccessApplied.type, status: "Unknown", reason: AccessApplied.NotConnected, message },
  ];
}

function factsOf({ kubernetesVersion, agentVersion, nodes }: ReportStatus): Status {
  return {
    ...(kubernetesVersion !== undefined && { kubernetesVersion }),
    ...(agentVersion !== undefined && { agentVersion }),
    ...(nodes !== undefined && { nodes: { total: nodes.total, ready: nodes.ready } }),
  };
}

/** Exact while the agent does not answer, and within five minutes while it does. */
function noted(cluster: Cluster, heartbeat: number | undefined, connected: boolean): Status {
  if (heartbeat === undefined) return {};
  const { lastHeartbeatTime } = cluster.status ?? {};
  const age = lastHeartbeatTime === undefined ? Number.POSITIVE_INFINITY : heartbeat - Date.parse(lastHeartbeatTime);
  const keep = connected && age >= 0 && age < HEARTBEAT_EVERY_MS;
  return { lastHeartbeatTime: keep && lastHeartbeatTime !== undefined ? lastHeartbeatTime : timeOf(new Date(heartbeat)) };
}

/**
 * How long a change of versions and nodes waits: an agent may report another number fifty times a second, and each write of a Cluster goes to
 * everybody who watches clusters. A change of conditions never waits.
 */
function factsWait(cluster: Cluster, facts: Status, conditions: readonly ConditionIntent[], now: Date): number {
  const { lastHeartbeatTime: _, ...current } = statusNow(cluster);
  if (isDeepStrictEqual(current, facts)) return 0;
  const holds = ({ type, status, reason, message }: ConditionIntent): boolean => {
    const before = cluster.status?.conditions?.find((one) => one.type === type);
    return before?.status === status && before.reason === reason && before.message === message;
  };
  if (!conditions.every(holds)) return 0;
  const ours = cluster.metadata.managedFields?.find(({ manager, subresource }) => manager === NAME && subresource === "status");
  const since = ours?.time === undefined ? FACTS_EVERY_MS : now.getTime() - Date.parse(ours.time);
  return since < 0 ? 0 : FACTS_EVERY_MS - since;
}

/** The present status fields: leaving one out of an apply would remove it. */
function statusNow({ status = {} }: Cluster): Status {
  const { conditions: _, namespaceUID: __, observedGeneration: ___, ...rest } = status;
  return rest;
}
