import { describe, expect, test } from "@jest/globals";
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { ClusterReport, ReportStatus } from "../../../crds/v1alpha1/clusterreport.ts";
import type { Lease } from "../../../lib/kube/core.ts";
import type { Reading } from "../../../lib/reconcile/contract.ts";
import { summarize } from "../../../lib/reconcile/ready.ts";
import { lastHeartbeat } from "../heartbeat.ts";
import { plan } from "./plan.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const ago = (seconds: number): string => new Date(NOW.getTime() - seconds * 1000).toISOString();
const holds = (type: string) => ({ type, status: "True" as const, reason: "x", message: "", lastTransitionTime: "" });

const cluster = (status: object = {}, more: object = {}): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name: "east" },
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
  status: { conditions: [holds("NamespaceReady"), holds("Registered"), holds("AccessCompiled")], ...status },
  ...more,
});
/** `noted`: when the API server saw the field change; `written`: what the agent's clock said. */
const lease = (noted: string | undefined, written = noted): Reading<Lease> => ({
  is: "present",
  value: {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: "agent",
      managedFields: [
        { manager: "cluster-agent-permissions", fieldsV1: { "f:metadata": {} }, ...{ time: ago(0) } },
        { manager: "agent", fieldsV1: { "f:spec": { "f:renewTime": {} } }, ...(noted && { time: noted }) },
      ],
    },
    spec: written === undefined ? {} : { renewTime: written },
  },
});
const healthy: ReportStatus = {
  healthy: true,
  kubernetesVersion: "v1.36.3",
  agentVersion: "0.1.0",
  nodes: { total: 3, ready: 3 },
  guards: { state: "Enforced" },
  access: { epochs: [{ set: "cluster", epoch: 1 }] },
};
const { healthy: _, ...silent } = healthy;
const report = (status: ReportStatus): Reading<ClusterReport> => ({
  is: "present",
  value: { apiVersion: "drover.dev/v1alpha1", kind: "ClusterReport", metadata: { name: "agent" }, spec: {}, status },
});
const said = (of: Cluster, l: Reading<Lease>, r: Reading<ClusterReport>) =>
  Object.fromEntries(plan(of, { lease: l, report: r }, NOW).conditions.map(({ type, reason }) => [type, reason]));
/** Condition Ready as the manager derives it. */
function readyOf(of: Cluster, l: Reading<Lease>, r: Reading<ClusterReport>) {
  if (Cluster.ready === undefined) throw new Error("a Cluster has no condition Ready");
  const own = plan(of, { lease: l, report: r }, NOW).conditions;
  return summarize(Cluster.ready, [...own, ...(of.status?.conditions ?? [])], of.metadata.deletionTimestamp !== undefined);
}
const lacks = (type: string, reason: string) => ({ ...holds(type), status: "False" as const, reason });

describe("a cluster is connected", () => {
  test.each([
    ["39 s after a heartbeat", 39, "Connected"],
    ["no longer 40 s after it", 40, "HeartbeatLost"],
  ])("%s", (_, seconds, reason) => {
    expect(said(cluster(), lease(ago(seconds)), report(healthy))).toMatchObject({ Connected: reason });
  });

  test("by the hub's clock, whatever the agent's says", () => {
    expect(said(cluster(), lease(ago(5), ago(3600)), report(healthy))).toMatchObject({ Connected: "Connected" });
    expect(said(cluster(), lease(ago(3600), ago(-3600)), report(healthy))).toMatchObject({ Connected: "HeartbeatLost" });
  });

  test("never, if nobody ever renewed the Lease that was made for the agent", () => {
    expect(said(cluster(), lease(undefined), report({}))).toEqual({
      Connected: "NeverConnected",
      Healthy: "NotConnected",
      AccessApplied: "NotConnected",
    });
    expect(lastHeartbeat(undefined)).toBeUndefined();
  });

  test("and is looked at again at the moment when the next heartbeat would be missed", () => {
    expect(plan(cluster(), { lease: lease(ago(10)), report: report(healthy) }, NOW).requeueAfter?.ms).toBe(30_000);
    expect(plan(cluster(), { lease: lease(ago(50)), report: report(healthy) }, NOW).requeueAfter).toBeUndefined();
  });
});

describe("a cluster is ready", () => {
  const renewed = lease(ago(1));
  test.each<[string, string, Cluster, Reading<Lease>, ReportStatus]>([
    ["when everything holds", "Ready", cluster(), renewed, healthy],
    [
      "not while it has no namespace",
      "NameTaken",
      cluster({ conditions: [lacks("NamespaceReady", "NameTaken"), holds("Registered"), holds("AccessCompiled")] }),
      renewed,
      healthy,
    ],
    [
      "not before an agent is on record",
      "WaitingForAgent",
      cluster({ conditions: [holds("NamespaceReady"), lacks("Registered", "WaitingForAgent"), holds("AccessCompiled")] }),
      renewed,
      healthy,
    ],
    ["not before its namespace is reported", "Pending", cluster({ conditions: [holds("Registered")] }), renewed, healthy],
    ["not while its agent is silent", "HeartbeatLost", cluster(), lease(ago(60)), healthy],
    ["not before its agent reported its health", "NotReported", cluster(), renewed, silent],
    [
      "not while grants are left out",
      "TooLarge",
      cluster({ conditions: [holds("NamespaceReady"), holds("Registered"), lacks("AccessCompiled", "TooLarge")] }),
      renewed,
      healthy,
    ],
    [
      "also while it is paused, as somebody wants it",
      "Paused",
      cluster({ conditions: [holds("NamespaceReady"), holds("Registered"), lacks("AccessCompiled", "Paused")] }),
      renewed,
      healthy,
    ],
    ["not while its API server is not", "Unhealthy", cluster(), renewed, { ...healthy, healthy: false }],
    ["not while a probe gets through its guards", "GuardsNotEnforced", cluster(), renewed, { ...healthy, guards: { state: "Missing" } }],
    ["not before its agent said that guards are in force", "GuardsNotEnforced", cluster(), renewed, {}],
    ["not before its agent applied the first set", "NotApplied", cluster(), renewed, { ...healthy, access: {} }],
    [
      "not while a restored hub is held back",
      "HubRestored",
      cluster(),
      renewed,
      { ...healthy, access: { ...healthy.access, restored: [{ object: "AccessSet project-web", epoch: 1 }] } },
    ],
    ["not while it is being deleted", "Deleting", cluster({}, { metadata: { name: "east", deletionTimestamp: ago(1) } }), renewed, healthy],
  ])("%s", (_, reason, of, l, r) => {
    const status = ["Ready", "Paused"].includes(reason) ? "True" : ["Pending", "NotReported"].includes(reason) ? "Unknown" : "False";
    expect(readyOf(of, l, report(r))).toMatchObject({ status, reason });
  });

  test("nothing new is said of one that is being deleted, once its Lease and report are gone", () => {
    const going = cluster({}, { metadata: { name: "east", deletionTimestamp: ago(1) } });
    expect(plan(going, { lease: { is: "absent" }, report: { is: "absent" } }, NOW)).toEqual({ conditions: [], finalizer: "none" });
  });

  test("or Unknown, when something could not be read, and the last facts stay", () => {
    const of = cluster({ kubernetesVersion: "v1.36.3", namespaceUID: "u" });
    const result = plan(of, { lease: { is: "unreadable", because: "no answer" }, report: report(healthy) }, NOW);
    expect(result.conditions.map(({ status }) => status)).toEqual(["Unknown", "Unknown", "Unknown"]);
    expect(readyOf(of, { is: "unreadable", because: "no answer" }, report(healthy))).toMatchObject({
      status: "Unknown",
      reason: "Unreadable",
    });
    expect(result.status).toEqual({ kubernetesVersion: "v1.36.3" });
  });
});

test("a heartbeat does not write the Cluster, but its time is written every five minutes, and exactly when the agent stops answering", () => {
  const noted = (last: string, seconds: number) =>
    plan(cluster({ lastHeartbeatTime: last }), { lease: lease(ago(seconds)), report: report(healthy) }, NOW).status?.lastHeartbeatTime;
  const recently = "2026-06-01T11:58:00Z";
  expect(noted(recently, 5)).toBe(recently);
  expect(noted("2026-06-01T11:50:00Z", 5)).toBe("2026-06-01T11:59:55Z");
  expect(noted(recently, 60)).toBe("2026-06-01T11:59:00Z");
});

test("versions and nodes that change all the time are written every five seconds; a condition that changes is written at once", () => {
  const written = (seconds: number) => [{ manager: "cluster-connection", subresource: "status", time: ago(seconds) }];
  const reports = (nodes: number, more: ReportStatus = {}) => report({ ...healthy, nodes: { total: nodes, ready: nodes }, ...more });
  const renewed = lease(ago(1));
  const settled = plan(cluster(), { lease: renewed, report: reports(3) }, NOW);
  const conditions = settled.conditions.map((one) => ({ ...one, lastTransitionTime: "" }));
  const before = (seconds: number) =>
    cluster(
      { ...settled.status, conditions: [holds("NamespaceReady"), holds("Registered"), ...conditions] },
      { metadata: { name: "east", managedFields: written(seconds) } },
    );
  const nodes = (seconds: number, of = reports(4)) => plan(before(seconds), { lease: renewed, report: of }, NOW);
  expect(nodes(2).status?.nodes?.total).toBe(3);
  expect(nodes(2).requeueAfter?.ms).toBe(3000);
  expect(nodes(5).status?.nodes?.total).toBe(4);
  expect(nodes(2, reports(3)).requeueAfter?.ms).toBe(39_000);
  expect(nodes(2, reports(4, { healthy: false })).status?.nodes?.total).toBe(4);
});
