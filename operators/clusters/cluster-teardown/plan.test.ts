import { expect, test } from "@jest/globals";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { Observed } from "./observe.ts";
import { plan } from "./plan.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
const ago = (seconds: number): string => new Date(NOW.getTime() - seconds * 1000).toISOString();
const HELD = ["drover.dev/cluster-teardown", "drover.dev/cluster-namespace"];
const cluster = (deletedAgo: number | undefined, said?: string, finalizers: readonly string[] = HELD): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name: "east", finalizers, ...(deletedAgo !== undefined && { deletionTimestamp: ago(deletedAgo) }) },
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
  status: { conditions: said ? [{ type: "TornDown", status: "True", reason: said, message: "", lastTransitionTime: "" }] : [] },
});
const meta = (kind: string) => ({ apiVersion: "x", kind, metadata: { name: "agent" } });
const observed = (more: { heard?: number; key?: boolean; done?: boolean } = {}): Observed => ({
  graceSeconds: 60,
  registration: {
    is: "present",
    value: {
      ...meta("ClusterRegistration"),
      spec: { tokenHash: "", expiresAt: "", once: true, approval: "Automatic" },
      status: more.key === false ? {} : { publicKey: "k" },
    },
  },
  report: { is: "present", value: { ...meta("ClusterReport"), spec: {}, status: more.done ? { teardown: "Done" } : {} } },
  lease: { is: "present", value: { ...meta("Lease"), spec: more.heard === undefined ? {} : { renewTime: ago(more.heard) } } },
});
const result = (of: Cluster, seen: Observed) => {
  const { conditions, finalizer } = plan(of, seen, NOW);
  return [conditions[0]?.reason, finalizer];
};

test("a cluster that stays is held from the start", () => {
  expect(result(cluster(undefined), observed())).toEqual([undefined, "hold"]);
});

test("while its agent answers, a cluster that goes waits for it", () => {
  expect(result(cluster(300), observed({ heard: 5 }))).toEqual(["CleaningUp", "hold"]);
});

test("when the agent is done it says so, and goes with the next pass", () => {
  expect(result(cluster(5), observed({ heard: 5, done: true }))).toEqual(["Done", "hold"]);
  expect(result(cluster(5, "Done"), observed({ heard: 5, done: true }))).toEqual(["Done", "release"]);
});

test("without an agent that ever registered there is nothing to wait for", () => {
  expect(result(cluster(0), observed({ key: false }))).toEqual(["NothingToDo", "hold"]);
  expect(result(cluster(0, "NothingToDo"), observed({ key: false }))).toEqual(["NothingToDo", "release"]);
});

test("an agent that does not answer is waited for until the grace period ends, and then it is said what is left", () => {
  const waiting = plan(cluster(10), observed(), NOW);
  expect(waiting.conditions[0]).toMatchObject({ reason: "CleaningUp" });
  expect(waiting.requeueAfter?.ms).toBe(50_000);
  const given = plan(cluster(60), observed(), NOW);
  expect(given.conditions[0]).toMatchObject({ status: "False", reason: "LeftBehind" });
  expect(given.conditions[0]?.message).toContain("drover-system");
  expect(result(cluster(61, "LeftBehind"), observed())).toEqual(["LeftBehind", "release"]);
});

test("even an agent that answers and never finishes does not keep a cluster for good", () => {
  expect(result(cluster(601), observed({ heard: 1 }))).toEqual(["LeftBehind", "hold"]);
});

test("it is reconciled again when the agent stops answering, if that is before the grace period ends", () => {
  expect(plan(cluster(300), observed({ heard: 30 }), NOW).requeueAfter?.ms).toBe(10_000);
});

test("what could not be read lets nothing go", () => {
  const seen = { ...observed({ done: true }), report: { is: "unreadable" as const, because: "no answer" } };
  expect(result(cluster(1000), seen)).toEqual(["Unreadable", "hold"]);
});

test("once the finalizer is released, TornDown stays as it is while the rest of the cluster goes", () => {
  const seen = observed();
  const later = { ...seen, report: { is: "absent" } as const };
  expect(plan(cluster(300, "Done", ["drover.dev/cluster-namespace"]), later, NOW)).toEqual({ conditions: [], finalizer: "none" });
});
