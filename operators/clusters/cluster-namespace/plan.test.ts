import { expect, test } from "@jest/globals";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { Namespace } from "../../../lib/kube/core.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import { plan } from "./plan.ts";

const cluster = (finalizers: readonly string[], going = true): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name: "east", finalizers, ...(going && { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
  spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
  status: { namespaceUID: "u1" },
});
const namespace: Namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "cluster-east", uid: "u1", labels: { "drover.dev/backs-cluster": "east" } },
  status: { phase: "Active" },
};
const there = {
  namespace: { is: "present", value: namespace },
  unmanaged: ["RoleBinding drover:agent"],
  projectNamespaces: [],
  held: [],
} as const;
const project: Namespace = {
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "project-east--web", deletionTimestamp: "2026-01-01T00:00:00Z" },
};
const gone = { namespace: { is: "absent" }, unmanaged: [], projectNamespaces: [], held: [] } as const;

test("the namespace goes last: while another of Drover's finalizers holds the cluster it stays, and so does the agent's account in it", () => {
  const result = plan(cluster(["drover.dev/cluster-namespace", "drover.dev/cluster-teardown"]), there);
  expect(result.remove ?? []).toEqual([]);
  expect(result).toMatchObject({ finalizer: "hold", status: { namespaceUID: "u1" } });
});

test("somebody else's finalizer does not keep it", () => {
  const result = plan(cluster(["drover.dev/cluster-namespace", "example.com/other"]), there);
  expect(result.remove).toEqual([{ apiVersion: "v1", kind: "Namespace", name: "cluster-east", uid: "u1" }]);
  expect(result.finalizer).toBe("hold");
});

test("the cluster is let go when its namespace is gone", () => {
  expect(plan(cluster(["drover.dev/cluster-namespace"]), gone).finalizer).toBe("release");
});

test("the cluster is not let go while the namespace of one of its projects is still going", () => {
  const result = plan(cluster(["drover.dev/cluster-namespace"]), { ...gone, projectNamespaces: [project] });
  expect(result).toMatchObject({ finalizer: "hold", status: { namespaceUID: "u1" } });
  expect(result.remove ?? []).toEqual([]);
});

test("the namespaces of its projects do not keep the cluster's own", () => {
  const result = plan(cluster(["drover.dev/cluster-namespace"]), { ...there, projectNamespaces: [project] });
  expect(result.remove).toEqual([{ apiVersion: "v1", kind: "Namespace", name: "cluster-east", uid: "u1" }]);
});

test("a cluster whose namespace could not be read says Unknown and keeps its UID", () => {
  const result = plan(cluster([], false), {
    namespace: { is: "unreadable", because: "no answer" },
    unmanaged: [],
    projectNamespaces: [],
    held: [],
  });
  expect(result.conditions).toMatchObject([{ status: "Unknown", reason: "Unreadable" }]);
  expect(result).toMatchObject({ apply: [], status: { namespaceUID: "u1" }, finalizer: "hold" });
});

test("the namespace is labelled as the cluster's", () => {
  expect(plan(cluster([], false), gone).apply).toEqual([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "cluster-east", labels: { "drover.dev/backs-cluster": "east" } } },
  ]);
});

test("a cluster that is being deleted reports what holds it: its namespaces, then the finalizers in them", () => {
  const deletionTimestamp = "2026-01-01T00:00:00Z";
  const going = { ...namespace, metadata: { ...namespace.metadata, deletionTimestamp } };
  const remaining = { type: "NamespaceFinalizersRemaining", status: "True", reason: "x", message: "e.example/f in 1 resource instances" };
  const stuck = { ...going, status: { conditions: [{ ...remaining, lastTransitionTime: "" }] } } as Namespace;
  const say = (value: Namespace, held: readonly KubeObject[] = []) =>
    plan(cluster(["drover.dev/cluster-namespace"]), { ...there, namespace: { is: "present", value }, projectNamespaces: [project], held });
  expect(say(going).conditions).toMatchObject([
    { reason: "Going", message: "waiting for the deletion of cluster-east, project-east--web" },
  ]);
  expect(say(stuck).conditions).toMatchObject([
    { reason: "HeldByFinalizers", message: "namespace cluster-east: e.example/f in 1 resource instances" },
  ]);
  const metadata = { name: "agent", namespace: "cluster-east", uid: "u2", finalizers: ["e.example/f"], deletionTimestamp };
  const planned = say(stuck, [{ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata }]);
  expect(planned.conditions).toMatchObject([{ reason: "FinalizersRemoved" }]);
  expect(planned.effects).toMatchObject([{ type: "remove-finalizers", from: [{ kind: "Lease", uid: "u2", finalizers: ["e.example/f"] }] }]);
});
