import { describe, expect, test } from "@jest/globals";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { Project } from "../../../crds/v1alpha1/project.ts";
import type { Namespace } from "../../../lib/kube/core.ts";
import type { Reading } from "../../../lib/reconcile/contract.ts";
import type { Observed } from "./observe.ts";
import { plan } from "./plan.ts";

const project = (more: { going?: boolean; namespace?: string; adopted?: boolean } = {}): Project => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Project",
  metadata: {
    name: "web",
    namespace: more.namespace ?? "cluster-east",
    ...(more.going && { deletionTimestamp: "2026-01-01T00:00:00Z" }),
  },
  spec: {},
  status: more.adopted === false ? {} : { namespaceUID: "u1" },
});
const cluster = (ready = true, going = false): Reading<Cluster> => ({
  is: "present",
  value: {
    apiVersion: "drover.dev/v1alpha1",
    kind: "Cluster",
    metadata: { name: "east", ...(going && { deletionTimestamp: "2026-01-01T00:00:00Z" }) },
    spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } },
    status: ready ? { namespaceUID: "c" } : {},
  },
});
const labels = { "drover.dev/backs-cluster": "east", "drover.dev/backs-project": "web" };
const named = (more: object = {}): Reading<Namespace> => ({
  is: "present",
  value: {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "project-east--web", uid: "u1", labels, ...more },
    status: { phase: "Active" },
  },
});
const namespace = named();
const goingNamespace = named({ deletionTimestamp: "2026-01-01T00:00:00Z" });
const seen = (more: Partial<Observed> = {}): Observed => ({ cluster: cluster(), namespace, unmanaged: [], ...more });
const absent = { is: "absent" } as const;

test("a project in a cluster's namespace gets one, labelled with both", () => {
  expect(plan(project({ adopted: false }), seen({ namespace: absent })).apply).toEqual([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "project-east--web", labels } },
  ]);
  expect(plan(project(), seen())).toMatchObject({ status: { namespaceUID: "u1" }, conditions: [{ reason: "Ready" }], finalizer: "hold" });
});

test.each<[string, Observed]>([
  ["does not exist", seen({ cluster: absent })],
  ["has no namespace yet", seen({ cluster: cluster(false) })],
])("nothing is made for a project whose cluster %s", (_, observed) => {
  const result = plan(project({ adopted: false }), { ...observed, namespace: absent });
  expect(result.apply ?? []).toEqual([]);
  expect(result).toMatchObject({ conditions: [{ status: "False", reason: "ScopeNotFound" }], finalizer: "none" });
});

test.each(["default", "cluster-", "project-east--web", "cluster-a--b"])("a project in namespace %s is in no cluster", (name) => {
  const result = plan(project({ namespace: name, adopted: false }), seen({ cluster: absent, namespace: absent }));
  expect(result).toMatchObject({ conditions: [{ reason: "ScopeNotFound" }], finalizer: "none" });
});

test("deleted after its cluster, a project still takes its namespace along", () => {
  const removal = plan(project({ going: true }), seen({ cluster: absent }));
  expect(removal.remove).toEqual([{ apiVersion: "v1", kind: "Namespace", name: "project-east--web", uid: "u1" }]);
  expect(removal.finalizer).toBe("hold");
  expect(plan(project({ going: true }), seen({ cluster: absent, namespace: absent })).finalizer).toBe("release");
});

test("while its cluster is away, a project that has a namespace keeps hold of it", () => {
  expect(plan(project(), seen({ cluster: absent }))).toMatchObject({ status: { namespaceUID: "u1" }, finalizer: "hold" });
});

describe("while its cluster is being deleted", () => {
  const removed = [{ apiVersion: "v1", kind: "Namespace", name: "project-east--web", uid: "u1" }];

  test.each([false, true])("a project's namespace goes at once, the Project itself deleted or not (%s)", (going) => {
    expect(plan(project({ going }), seen({ cluster: cluster(true, true) }))).toMatchObject({ remove: removed, finalizer: "hold" });
  });

  test.each([false, true])("a project is let go as soon as its namespace is going (%s)", (going) => {
    const result = plan(project({ going }), seen({ cluster: cluster(true, true), namespace: goingNamespace }));
    expect(result.finalizer).toBe("release");
    expect([...(result.apply ?? []), ...(result.remove ?? [])]).toEqual([]);
  });

  test("a project says so, and nothing is made for it", () => {
    const result = plan(project({ adopted: false }), seen({ cluster: cluster(true, true), namespace: absent }));
    expect(result).toMatchObject({ conditions: [{ status: "False", reason: "ScopeNotFound" }], finalizer: "release" });
    expect(result.conditions[0]?.message).toContain("being deleted");
    expect(result.apply ?? []).toEqual([]);
  });

  test("what somebody else has under its name stays", () => {
    const result = plan(project({ adopted: false }), seen({ cluster: cluster(true, true), unmanaged: ["RoleBinding mine"] }));
    expect(result.remove ?? []).toEqual([]);
  });

  test("a namespace that nobody has taken over yet stays when the cluster never had one of its own", () => {
    expect(plan(project({ adopted: false }), seen({ cluster: cluster(false, true) })).remove ?? []).toEqual([]);
  });
});

test("deleted from a cluster that stays, a project is let go only when its namespace is gone", () => {
  expect(plan(project({ going: true }), seen({ namespace: goingNamespace })).finalizer).toBe("hold");
  expect(plan(project({ going: true }), seen({ namespace: absent })).finalizer).toBe("release");
});
