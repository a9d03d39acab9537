import { describe, expect, test } from "@jest/globals";
import { MANAGED_CLUSTER_GUARDS } from "../../lib/guards/bundle.ts";
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from "../../lib/kube/object.ts";
import { correction, plan } from "./plan.ts";

const WANTED = MANAGED_CLUSTER_GUARDS.objects;
const MANAGER = "agent-guards";
type Policy = KubeObject & { readonly spec: Readonly<Record<string, unknown>> };
const ours: ManagedFieldsEntry = { manager: MANAGER, operation: "Apply", fieldsV1: { "f:spec": {} } };
const theirs: ManagedFieldsEntry = { manager: "kubectl-edit", operation: "Update", fieldsV1: { "f:spec": {} } };
const status: ManagedFieldsEntry = { manager: "kube-controller-manager", operation: "Update", subresource: "status" };

/** The policy under test as it is in the cluster, and all others as they are to be. */
const POLICY = WANTED[0] as Policy;
const cluster = (spec: object, metadata: Partial<ObjectMeta> = {}): KubeObject[] =>
  WANTED.map((object, i) => ({
    ...object,
    ...(i === 0 && { spec: { ...POLICY.spec, ...spec } }),
    metadata: { ...object.metadata, uid: `u${i}`, generation: 2, managedFields: [ours, status], ...(i === 0 && metadata) },
  }));
const never = { matchConditions: [...(POLICY.spec.matchConditions as object[]), { name: "never", expression: "false" }] };
const REST = WANTED.slice(1);

describe("what the agent writes into policies", () => {
  test.each<[string, readonly KubeObject[], number, readonly KubeObject[]]>([
    ["none is there: all are applied", [], 0, WANTED],
    ["all are as they have to be: applied, which finds nothing to do", cluster({}), 0, WANTED],
    ["a field was changed: applied", cluster({ failurePolicy: "Ignore" }, { managedFields: [ours, theirs] }), 0, WANTED],
    [
      "a match condition was added: made anew, and not applied before it is gone",
      cluster(never, { managedFields: [ours, theirs] }),
      1,
      REST,
    ],
    ["also when whoever added it hid who wrote it", cluster(never), 1, REST],
    ["also when somebody made the policy with it", cluster(never, { generation: 1, managedFields: [theirs] }), 1, REST],
    [
      "a field that Kubernetes itself adds to what we make: left, since making it anew gives it again",
      cluster({ later: {} }, { generation: 1 }),
      0,
      WANTED,
    ],
    ["another manager owns the same as we do: nothing to take out", cluster({}, { managedFields: [ours, theirs] }), 0, WANTED],
    ["it is being deleted: waited for", cluster({}, { deletionTimestamp: "2026-01-01T00:00:00Z" }), 0, REST],
  ])("%s", (_, live, removed, apply) => {
    const result = correction(WANTED, live, MANAGER);
    expect(result.remove).toEqual(live.slice(0, removed));
    expect(result.apply).toEqual(apply);
  });
});

describe("what the reconciler writes", () => {
  test("a policy that is made anew is removed as that very object", () => {
    const live = cluster(never);
    const { remove, apply, status } = plan({ live, isGivenUp: false }, MANAGER);
    expect(remove).toEqual([{ apiVersion: POLICY.apiVersion, kind: POLICY.kind, name: POLICY.metadata.name, uid: "u0" }]);
    expect([apply, status]).toEqual([REST, false]);
  });

  test("when the hub gave the cluster up, everything is removed, each binding before its policy, and nothing is applied", () => {
    const { remove = [], apply, status } = plan({ live: cluster({}), isGivenUp: true }, MANAGER);
    const names = remove.map(({ kind, name }) => `${kind} ${name}`);
    expect(names).toEqual(WANTED.map(({ kind, metadata }) => `${kind} ${metadata.name}`).reverse());
    expect([apply, status]).toEqual([undefined, true]);
  });
});
