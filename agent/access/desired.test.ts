import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type RbacBinding, type RbacRole, RENDERED_LABELS } from "../../lib/access/render.ts";
import { type KubeObject, keyOf, type ObjectRef } from "../../lib/kube/object.ts";
import { type Desired, objectKey, type Situation, type Writes, writesFor } from "./desired.ts";

const RBAC = "rbac.authorization.k8s.io";
const role = (name: string, resources = ["pods"]): RbacRole => ({
  apiVersion: `${RBAC}/v1`,
  kind: "ClusterRole",
  metadata: { name: `drover:${name}`, labels: RENDERED_LABELS },
  rules: resources.map((resource) => ({ apiGroups: [""], resources: [resource], verbs: ["get"] })),
});
const binding = (namespace: string, name: string, users: string[], to = name): RbacBinding => ({
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name: `drover:web:${name}`, namespace, labels: RENDERED_LABELS },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: `drover:${to}` },
  subjects: users.map((user) => ({ kind: "User", apiGroup: RBAC, name: `drover:user:${user}` })),
});

/** A managed cluster in memory: following the writes is all that the manager does with them, and it skips what is as intended. */
class ManagedCluster {
  readonly objects = new Map<string, KubeObject>();
  readonly applied = new Map<string, ObjectRef>();
  #version = 0;

  put(object: KubeObject): void {
    this.objects.set(objectKey(object), { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } });
  }

  plan(roles: RbacRole[], bindings: RbacBinding[], more: Partial<Situation> = {}): Writes {
    const writes = writesFor({
      roles,
      bindings,
      inventory: [...this.objects.values()],
      applied: [...this.applied.values()],
      live: (object) => this.objects.get(objectKey(object)),
      terminating: new Set(),
      enforced: true,
      exempt: new Set(),
      ...more,
    });
    return { ...writes, apply: writes.apply.filter((object) => !isDeepStrictEqual(this.content()[objectKey(object)], bare(object))) };
  }

  follow({ remove, apply, removeLast }: Writes): void {
    for (const ref of [...remove, ...removeLast]) {
      this.objects.delete(objectKey(ref));
      this.applied.delete(objectKey(ref));
    }
    for (const object of apply) {
      this.put(object);
      const { apiVersion, kind } = object;
      this.applied.set(objectKey(object), { apiVersion, kind, ...keyOf(object) });
    }
  }

  content(): Record<string, unknown> {
    return Object.fromEntries([...this.objects].sort().map(([key, object]) => [key, bare(object)]));
  }
}

const bare = ({ metadata: { resourceVersion: _, ...metadata }, ...rest }: KubeObject) => ({ ...rest, metadata });

const nothing = ({ remove, apply, removeLast }: Writes) => remove.length + apply.length + removeLast.length === 0;

describe("writesFor", () => {
  test("asks for nothing once everything is as desired", () => {
    const managed = new ManagedCluster();
    const [roles, bindings] = [[role("reader")], [binding("a", "reader", ["alice"])]];
    managed.follow(managed.plan(roles, bindings));
    expect(nothing(managed.plan([role("reader")], [binding("a", "reader", ["alice"])]))).toBe(true);
  });

  test("asks for what somebody changed or deleted", () => {
    const managed = new ManagedCluster();
    const wanted = [binding("a", "reader", ["alice"]), binding("b", "reader", ["alice"])];
    managed.follow(managed.plan([role("reader")], wanted));
    managed.put(binding("a", "reader", ["mallory"]));
    managed.objects.delete("RoleBinding b/drover:web:reader");
    expect(managed.plan([role("reader")], wanted).apply.map(objectKey)).toEqual([
      "RoleBinding a/drover:web:reader",
      "RoleBinding b/drover:web:reader",
    ]);
  });

  test("removes what is no longer wanted also where somebody took our label off", () => {
    const managed = new ManagedCluster();
    managed.follow(managed.plan([role("reader")], [binding("a", "reader", ["alice"])]));
    const steps = managed.plan([], [], { inventory: [] });
    expect([...steps.remove, ...steps.removeLast].map(objectKey)).toEqual(["RoleBinding a/drover:web:reader", "ClusterRole drover:reader"]);
    managed.follow(steps);
    expect(nothing(managed.plan([], [], { inventory: [] }))).toBe(true);
  });

  test("takes an object that a finalizer keeps in deletion for what it is: it grants, until it is empty", () => {
    const managed = new ManagedCluster();
    const kept = (object: RbacBinding): RbacBinding => ({
      ...object,
      metadata: { ...object.metadata, finalizers: ["x/y"], deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    managed.put(kept(binding("a", "reader", ["alice"])));
    managed.put(kept(binding("b", "reader", [])));
    expect(managed.plan([], []).remove.map(objectKey)).toEqual(["RoleBinding a/drover:web:reader"]);
  });

  test("what somebody deleted meanwhile is not forgotten, and wanted once the guards are back in force", () => {
    const managed = new ManagedCluster();
    const wanted = [binding("a", "reader", ["alice"])];
    managed.follow(managed.plan([role("reader")], wanted));
    managed.objects.delete("RoleBinding a/drover:web:reader");
    const held = managed.plan([role("reader")], wanted, { enforced: false });
    expect([held.held, held.apply, held.remove]).toEqual([1, [], []]);
    expect([...managed.applied.keys()]).toContain("RoleBinding a/drover:web:reader");
    managed.follow(held);
    expect(managed.plan([role("reader")], wanted).apply.map(objectKey)).toEqual(["RoleBinding a/drover:web:reader"]);
  });

  test("makes nothing in a namespace that is going away", () => {
    const managed = new ManagedCluster();
    expect(managed.plan([], [binding("a", "reader", ["alice"])], { terminating: new Set(["a"]) }).apply).toEqual([]);
  });

  test("without guards grants nothing new, keeps what was granted, and goes on taking away", () => {
    const managed = new ManagedCluster();
    const roles = [role("reader", ["pods"]), role("old")];
    managed.follow(
      managed.plan(roles, [binding("a", "reader", ["alice", "bob"]), binding("a", "old", ["carol"]), binding("b", "reader", ["alice"])]),
    );
    const widened = [role("reader", ["pods", "secrets"]), role("new")];
    const steps = managed.plan(
      widened,
      [binding("a", "reader", ["alice", "mallory"]), binding("b", "reader", ["mallory"]), binding("c", "new", ["mallory"])],
      {
        enforced: false,
      },
    );
    managed.follow(steps);
    expect(managed.content()).toEqual(
      Object.fromEntries([role("reader", ["pods"]), binding("a", "reader", ["alice"])].map((object) => [objectKey(object), object])),
    );
    expect(steps.held).toBe(5);
  });

  test("without guards rebinds nothing to another role", () => {
    const managed = new ManagedCluster();
    managed.follow(managed.plan([role("reader")], [binding("a", "reader", ["alice"])]));
    managed.follow(managed.plan([role("reader"), role("admin")], [binding("a", "reader", ["alice"], "admin")], { enforced: false }));
    expect(managed.content()).not.toHaveProperty("RoleBinding a/drover:web:reader");
  });
});

describe("over random managed clusters", () => {
  const word = fc.constantFrom("a", "b", "c");
  const unique = <T extends Desired>(items: fc.Arbitrary<T>) => fc.uniqueArray(items, { selector: objectKey, maxLength: 6 });
  const roles = unique(fc.tuple(word, fc.subarray(["pods", "secrets", "nodes"])).map(([name, resources]) => role(name, resources)));
  const bindings = unique(
    fc
      .tuple(word, word, fc.subarray(["alice", "bob", "carol"], { minLength: 1 }), word)
      .map(([ns, name, users, to]) => binding(ns, name, users, to)),
  );
  const world = fc.tuple(roles, bindings);

  test("following the plan from any state leaves exactly what is desired, and a second plan asks for nothing", () => {
    fc.assert(
      fc.property(world, world, fc.boolean(), ([oldRoles, oldBindings], [newRoles, newBindings], remembered) => {
        const managed = new ManagedCluster();
        managed.follow(managed.plan(oldRoles, oldBindings));
        if (!remembered) managed.applied.clear();
        managed.follow(managed.plan(newRoles, newBindings));
        expect(managed.content()).toEqual(Object.fromEntries([...newRoles, ...newBindings].map((o) => [objectKey(o), o] as const).sort()));
        expect(nothing(managed.plan(newRoles, newBindings))).toBe(true);
      }),
    );
  });

  test("without guards nobody holds afterwards what they did not hold before", () => {
    fc.assert(
      fc.property(world, world, ([oldRoles, oldBindings], [newRoles, newBindings]) => {
        const managed = new ManagedCluster();
        managed.follow(managed.plan(oldRoles, oldBindings));
        const before = rights(managed);
        managed.follow(managed.plan(newRoles, newBindings, { enforced: false }));
        for (const right of rights(managed)) expect(before).toContain(right);
      }),
    );
  });

  function rights(managed: ManagedCluster): Set<string> {
    const held = new Set<string>();
    const all = [...managed.objects.values()] as Desired[];
    for (const bound of all) {
      if (!("roleRef" in bound)) continue;
      const to = all.find((o): o is RbacRole => o.kind === "ClusterRole" && o.metadata.name === bound.roleRef.name);
      for (const { name } of bound.subjects)
        for (const rule of to?.rules ?? []) held.add(`${bound.metadata.namespace} ${name} ${rule.resources}`);
    }
    return held;
  }
});
