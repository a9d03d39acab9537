import { expect, test } from "@jest/globals";
import { rbacOf } from "./rbac.ts";

test("a component that declares nothing gets an account and nothing else", () => {
  const objects = rbacOf({ name: "proxy", source: "x" });
  expect(objects.map(({ kind }) => kind)).toEqual(["ServiceAccount"]);
});

test("a permission in one namespace is no permission elsewhere", () => {
  const namespacedPermissions = { "drover-system": [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }] };
  const objects = rbacOf({ name: "auth", source: "x", namespacedPermissions });
  expect(objects.map(({ kind, metadata }) => [kind, metadata.namespace])).toEqual([
    ["ServiceAccount", "drover-system"],
    ["Role", "drover-system"],
    ["RoleBinding", "drover-system"],
  ]);
});
