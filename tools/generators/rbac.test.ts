import { expect, test } from "@jest/globals";
import { merged, rbacOf } from "./rbac.ts";

test("rules that several reconcilers state become one, with all verbs", () => {
  const rules = [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["watch", "get"] },
    { apiGroups: [""], resources: ["namespaces", "nodes"], verbs: ["list", "get"] },
    { apiGroups: [""], resources: ["nodes"], verbs: ["watch"] },
  ];
  expect(merged(rules)).toEqual([{ apiGroups: [""], resources: ["namespaces", "nodes"], verbs: ["get", "list", "watch"] }]);
});

test("a right on named objects never becomes one on all of them", () => {
  const rules = [
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["b", "a"], verbs: ["get"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    { apiGroups: ["x"], resources: ["secrets"], verbs: ["delete"] },
  ];
  expect(merged(rules)).toEqual([
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["a", "b"], verbs: ["get"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    { apiGroups: ["x"], resources: ["secrets"], verbs: ["delete"] },
  ]);
});

test("the order in which rights are stated does not matter", () => {
  const rules = [
    { apiGroups: ["b"], resources: ["y", "x"], verbs: ["patch", "get"] },
    { nonResourceURLs: ["/z", "/a"], verbs: ["use"] },
    { apiGroups: ["a"], resources: ["x"], verbs: ["get"] },
  ];
  expect(JSON.stringify(merged(rules))).toBe(JSON.stringify(merged([...rules].reverse())));
});

test("a process that says nothing gets an account and nothing else", () => {
  const objects = rbacOf({ name: "proxy", source: "x", declared: {}, leads: false });
  expect(objects.map(({ kind }) => kind)).toEqual(["ServiceAccount"]);
});

test("a right in one namespace is no right elsewhere", () => {
  const declared = { namespacedPermissions: { "drover-system": [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] } };
  const objects = rbacOf({ name: "auth", source: "x", declared, leads: false });
  expect(objects.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
    ["ServiceAccount", "drover-system"],
    ["Role", "drover-system"],
    ["RoleBinding", "drover-system"],
  ]);
});
