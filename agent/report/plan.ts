// When the report is written. Pure.
import { ClusterReport, type ReportStatus } from "../../crds/v1alpha1/clusterreport.ts";
import { AGENT } from "../../lib/access/names.ts";
import { evaluateReport } from "../../lib/access/report-conditions.ts";
import type { Condition } from "../../lib/kube/object.ts";
import { mergeConditions } from "../../lib/reconcile/conditions.ts";
import type { Plan } from "../../lib/reconcile/contract.ts";
import { observedGeneration } from "../../lib/reconcile/ready.ts";

export interface Observed {
  readonly namespace: string;
  readonly status: Omit<ReportStatus, "conditions" | "observedGeneration">;
  /** What the hub took last. */
  readonly last: Written | undefined;
}

export interface Written {
  /** Everything but what changes all the time. */
  readonly urgent: string;
  readonly all: string;
  /** In ms since 1970. */
  readonly at: number;
  readonly isTeardown: boolean;
  readonly conditions: readonly Condition[];
}

const LEAST_INTERVAL_MS = 2_000;
/** What changes all the time (counts of streams, times) is reported this often. */
const ROUTINE_MS = 30_000;
const HEALTH_MS = 10_000;
/** Of a report: its spec has no field that could change. */
const GENERATION = 1;

export function plan({ namespace, status: found, last }: Observed, now: Date): Plan<Written> {
  const conditions = mergeConditions({
    ...{ existing: last?.conditions ?? [], intents: evaluateReport(found), generation: GENERATION, now, done: true },
    ready: ClusterReport.ready,
  });
  const status = { ...found, ...observedGeneration(conditions), conditions };
  const next = {
    all: JSON.stringify(status),
    urgent: JSON.stringify({ ...status, streams: undefined, guards: { ...status.guards, probedAt: undefined } }),
    at: now.getTime(),
    isTeardown: status.teardown === "Done",
    conditions,
  };
  const end = { status: next, conditions: [], finalizer: "none" as const };
  // A clock that was set back must not keep a report waiting.
  const sinceMs = last === undefined || last.at > next.at ? Number.POSITIVE_INFINITY : next.at - last.at;
  const isUrgent = last?.urgent !== next.urgent;
  if (isUrgent && sinceMs < LEAST_INTERVAL_MS)
    return { ...end, requeueAfter: { ms: LEAST_INTERVAL_MS - sinceMs, because: "the last report was a moment ago" } };
  const isDue = isUrgent || (sinceMs >= ROUTINE_MS && last?.all !== next.all);
  const object = { apiVersion: ClusterReport.apiVersion, kind: ClusterReport.kind, namespace, name: AGENT };
  return {
    ...end,
    ...(isDue && { patches: [{ object, patch: { status }, subresource: "status" as const }] }),
    requeueAfter: { ms: HEALTH_MS, because: "the API server's health is looked at" },
  };
}
