import { expect, test } from "@jest/globals";
import type { AccessSet } from "../../../crds/v1alpha1/accessset.ts";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { ClusterMembers } from "../../../crds/v1alpha1/clustermembers.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { GUARDS_RETRY_MS } from "../status.ts";
import type { Observed } from "./observe.ts";
import { plan } from "./plan.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
const cluster = (more: object = {}): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name: "east" },
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
  status: { namespaceUID: "n" },
  ...more,
});
const going = { metadata: { name: "east", deletionTimestamp: "2026-06-01T00:00:00Z" } };
const set = (name: string): AccessSet => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "AccessSet",
  metadata: { name, namespace: "cluster-east", uid: `uid-${name}` },
  spec: { scope: "Cluster", epoch: 1, history: ["1-00000000"], part: 1, parts: 1, bindings: [] },
});
const members = (name: string, spec: Partial<ClusterMembers["spec"]> = {}): ClusterMembers => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterMembers",
  metadata: { name, namespace: "cluster-east", uid: `uid-${name}` },
  spec: { users: [], groups: [], everyone: false, parts: 1, ...spec },
});
const observed = (more: Partial<Observed> = {}): Observed => ({
  clusterBindings: [
    {
      apiVersion: "drover.dev/v1alpha1",
      kind: "ClusterRoleTemplateBinding",
      metadata: { name: "b", namespace: "cluster-east" },
      spec: { template: "viewer", subject: { kind: "User", name: "alice" }, expiresAt: "2026-06-01T01:00:00Z" },
    } as Observed["clusterBindings"][number],
  ],
  projectBindings: [],
  globalBindings: [],
  projects: [],
  previous: [],
  previousMembers: [],
  sources: {
    user: (name) => ({ metadata: { name }, spec: { enabled: true } }),
    provider: () => undefined,
    template: (name) => ({ metadata: { name }, spec: { context: "Cluster" } }),
    globalRole: () => undefined,
    gaps: [],
  },
  guards: { state: "Enforced", message: "", gaps: [] },
  ...more,
});
const names = (of: Cluster, seen: Observed) => (plan(of, seen, NOW).apply ?? []).map(({ kind, metadata }) => `${kind}/${metadata.name}`);
const reason = (of: Cluster, seen: Observed) => plan(of, seen, NOW).conditions[0]?.reason;
const missing: HubGuardStatus = { state: "Missing", message: "policy x does not exist", gaps: [] };

test("members come before sets, so that whoever is granted something is let in when it arrives", () => {
  expect(names(cluster(), observed())).toEqual(["ClusterMembers/members", "AccessSet/cluster"]);
  expect(reason(cluster(), observed())).toBe("Compiled");
});

test("who is shut out is shut out first, and an object that only lets more people in comes after every withdrawal", () => {
  const web = {
    metadata: { name: "web", namespace: "cluster-east", uid: "w" },
    spec: {},
    status: {},
  } as unknown as Observed["projects"][number];
  const former = { ...set("cluster").spec, index: { sets: ["cluster"] } };
  const bob = { template: "viewer", subjects: [{ kind: "User" as const, name: "drover:user:bob" }] };
  const withBob = { ...set("cluster"), spec: { ...former, bindings: [bob] } };
  const seen = observed({ projects: [web], previous: [withBob], previousMembers: [members("members")] });
  expect(names(cluster(), seen)).toEqual(["AccessSet/cluster", "ClusterMembers/members", "AccessSet/project-web"]);
  const shut = observed({ ...seen, previousMembers: [members("members", { users: ["bob"] })] });
  expect(names(cluster(), shut)).toEqual(["ClusterMembers/members", "AccessSet/cluster", "AccessSet/project-web"]);
});

test("parts of the members that nobody is in any more are removed", () => {
  const seen = observed({ previousMembers: [members("members", { parts: 2 }), members("members--part-2", { users: ["bob"] })] });
  expect(plan(cluster(), seen, NOW).remove?.map(({ name }) => name)).toEqual(["members--part-2"]);
});

test("nothing is written before the cluster's namespace is Drover's", () => {
  expect(names(cluster({ status: {} }), observed())).toEqual([]);
  expect(reason(cluster({ status: {} }), observed())).toBe("NamespaceNotReady");
});

test("a set is written onto the very version that it was made from, and says what it goes on from", () => {
  const before = { ...set("cluster"), metadata: { ...set("cluster").metadata, resourceVersion: "7" } };
  const [, written] = plan(cluster(), observed({ previous: [before] }), NOW).apply ?? [];
  expect(written).toMatchObject({ metadata: { name: "cluster", uid: "uid-cluster", resourceVersion: "7" } });
  const { spec } = written as AccessSet;
  expect(spec.history).toEqual(["1-00000000", expect.stringMatching(`^${spec.epoch}-`)]);
});

test("an acceptance of a restore is in every set, whose epoch is later than it", () => {
  const restoreAcceptedAt = NOW.getTime() + 5;
  const [, written] = plan(cluster(), observed({ previous: [set("cluster")], restoreAcceptedAt }), NOW).apply ?? [];
  expect((written as AccessSet).spec).toMatchObject({ restoreAcceptedAt, epoch: restoreAcceptedAt + 1 });
});

test("sets that are not wanted are removed, those very ones", () => {
  expect(plan(cluster(), observed({ previous: [set("cluster"), set("project-gone")] }), NOW).remove).toEqual([
    { apiVersion: "drover.dev/v1alpha1", kind: "AccessSet", namespace: "cluster-east", name: "project-gone", uid: "uid-project-gone" },
  ]);
});

test("it looks again at the first end date", () => {
  expect(plan(cluster(), observed(), NOW).requeueAfter?.ms).toBe(3600_000);
});

test("an end date beyond what timers hold is looked at again before", () => {
  const [binding] = observed().clusterBindings;
  if (!binding) throw new Error("no binding in this test");
  const far = { ...binding, spec: { ...binding.spec, expiresAt: "2100-01-01T00:00:00Z" } };
  expect(plan(cluster(), observed({ clusterBindings: [far] }), NOW).requeueAfter?.ms).toBe(6 * 3600_000);
});

test("while the hub's guards are not in force grants wait, and the condition says what is missing", () => {
  const result = plan(cluster(), observed({ guards: missing }), NOW);
  expect(result.conditions).toMatchObject([{ status: "False", reason: "GuardsNotEnforced", message: "policy x does not exist" }]);
  expect(JSON.stringify(result.apply)).not.toContain("alice");
  expect(result.requeueAfter?.ms).toBe(GUARDS_RETRY_MS);
  expect(reason(cluster(), observed({ guards: missing, clusterBindings: [] }))).toBe("Compiled");
});

test("sets of a cluster that is being deleted order the teardown while they exist, and nothing is created in its namespace", () => {
  expect(names(cluster(going), observed())).toEqual([]);
  const there = observed({ previous: [set("cluster"), set("project-web")], previousMembers: [members("members")] });
  expect(names(cluster(going), there)).toEqual(["ClusterMembers/members", "AccessSet/cluster"]);
  expect(plan(cluster(going), there, NOW).remove?.map(({ name }) => name)).toEqual(["project-web"]);
  expect(JSON.stringify(plan(cluster(going), there, NOW).apply)).toContain('"teardown":true');
});

test("while the cluster is paused nothing new is granted, and it does not ask again and again", () => {
  const paused = cluster({ spec: { paused: true, import: {}, agent: { ceiling: "cluster-admin" } } });
  const made = plan(paused, observed(), NOW);
  expect(made.apply?.find(({ kind }) => kind === "AccessSet")).toMatchObject({ spec: { bindings: [] } });
  expect(made.conditions[0]).toMatchObject({ status: "False", reason: "Paused", message: "the cluster is paused: 1 grants wait" });
  expect(made.requeueAfter).toBeUndefined();
});
