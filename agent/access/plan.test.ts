import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type RbacBinding, type RbacRole, RENDERED_LABELS } from "../../lib/access/render.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { type Desired, objectKey, plan, type Situation, type Steps, type Verified } from "./plan.ts";

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

/** A managed cluster in memory: applying the steps to it is all that the agent does with them. */
class ManagedCluster {
  readonly objects = new Map<string, KubeObject>();
  readonly verified = new Map<string, Verified>();
  #version = 0;

  put(object: KubeObject): void {
    this.objects.set(objectKey(object), { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } });
  }

  plan(roles: RbacRole[], bindings: RbacBinding[], more: Partial<Situation> = {}): Steps {
    return plan({
      roles,
      bindings,
      inventory: [...this.objects.values()],
      live: (object) => this.objects.get(objectKey(object)),
      verified: this.verified,
      terminating: new Set(),
      enforced: true,
      exempt: new Set(),
      ...more,
    });
  }

  follow(steps: Steps): void {
    for (const object of [...steps.removeBindings, ...steps.removeRoles]) {
      this.objects.delete(objectKey(object));
      this.verified.delete(objectKey(object));
    }
    for (const { key, object, head, body } of [...steps.roles, ...steps.bindings]) {
      this.put(object);
      this.verified.set(key, { head, body, resourceVersion: this.objects.get(key)?.metadata.resourceVersion });
    }
  }

  content(): Record<string, unknown> {
    const bare = ([key, object]: [string, KubeObject]) => [
      key,
      { ...object, metadata: { ...object.metadata, resourceVersion: undefined } },
    ];
    return Object.fromEntries([...this.objects].sort().map(bare)) as Record<string, unknown>;
  }
}

const nothing = (steps: Steps) => steps.roles.length + steps.bindings.length + steps.removeBindings.length + steps.removeRoles.length === 0;

describe("plan", () => {
  test("asks for nothing once everything was verified", () => {
    const managed = new ManagedCluster();
    const [roles, bindings] = [[role("reader")], [binding("a", "reader", ["alice"])]];
    managed.follow(managed.plan(roles, bindings));
    expect(nothing(managed.plan([role("reader")], [binding("a", "reader", ["alice"])]))).toBe(true);
  });

  test("mends what somebody changed or deleted, and knows that it heals", () => {
    const managed = new ManagedCluster();
    const wanted = [binding("a", "reader", ["alice"]), binding("b", "reader", ["alice"])];
    managed.follow(managed.plan([role("reader")], wanted));
    managed.put(binding("a", "reader", ["mallory"]));
    managed.objects.delete("RoleBinding b/drover:web:reader");
    const steps = managed.plan([role("reader")], wanted);
    expect(steps.bindings.map(({ key, heals }) => [key, heals])).toEqual([
      ["RoleBinding a/drover:web:reader", true],
      ["RoleBinding b/drover:web:reader", true],
    ]);
    expect(managed.plan([role("reader")], [binding("c", "reader", ["alice"])]).bindings[0]?.heals).toBe(false);
  });

  test("removes what is no longer wanted also where somebody took our label off", () => {
    const managed = new ManagedCluster();
    managed.follow(managed.plan([role("reader")], [binding("a", "reader", ["alice"])]));
    const steps = managed.plan([], [], { inventory: [] });
    expect([...steps.removeBindings, ...steps.removeRoles].map(objectKey)).toEqual([
      "RoleBinding a/drover:web:reader",
      "ClusterRole drover:reader",
    ]);
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
    expect(managed.plan([], []).removeBindings.map(objectKey)).toEqual(["RoleBinding a/drover:web:reader"]);
  });

  test("remembers what it mended when the guards come back into force", () => {
    const managed = new ManagedCluster();
    const wanted = [binding("a", "reader", ["alice"])];
    managed.follow(managed.plan([role("reader")], wanted));
    managed.objects.delete("RoleBinding a/drover:web:reader");
    const held = managed.plan([role("reader")], wanted, { enforced: false });
    expect([held.held, held.bindings, held.removeBindings]).toEqual([1, [], []]);
    managed.follow(held);
    expect(managed.plan([role("reader")], wanted).bindings[0]?.heals).toBe(true);
  });

  test("makes nothing in a namespace that is going away", () => {
    const managed = new ManagedCluster();
    expect(managed.plan([], [binding("a", "reader", ["alice"])], { terminating: new Set(["a"]) }).bindings).toEqual([]);
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

describe("plan, over random managed clusters", () => {
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
        if (!remembered) managed.verified.clear();
        managed.follow(managed.plan(newRoles, newBindings));
        expect(managed.content()).toEqual(Object.fromEntries([...newRoles, ...newBindings].map((o) => [objectKey(o), o] as const).sort()));
        expect(nothing(managed.plan(newRoles, newBindings))).toBe(true);
      }),
    );
  });

  test("without guards nobody holds afterwards what he did not hold before", () => {
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
