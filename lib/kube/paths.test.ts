import { expect, test } from "@jest/globals";
import { ClusterRole, ConfigMap, Lease, Namespace } from "./core.ts";
import { collectionPath, objectPath, withQuery } from "./paths.ts";

test("paths of the core group, of other groups, with and without namespace, with a subresource", () => {
  expect(collectionPath(ConfigMap)).toBe("/api/v1/configmaps");
  expect(collectionPath(Lease, "x")).toBe("/apis/coordination.k8s.io/v1/namespaces/x/leases");
  expect(objectPath(Namespace, { name: "x" }, "status")).toBe("/api/v1/namespaces/x/status");
  expect(objectPath(ClusterRole, { name: "drover:viewer" })).toBe("/apis/rbac.authorization.k8s.io/v1/clusterroles/drover%3Aviewer");
});

test("a name cannot change the path around it, and an empty name never addresses the collection", () => {
  expect(objectPath(ConfigMap, { name: "../secrets/s?x=1", namespace: "a/b" })).toBe(
    "/api/v1/namespaces/a%2Fb/configmaps/..%2Fsecrets%2Fs%3Fx%3D1",
  );
  expect(() => objectPath(ConfigMap, { name: "", namespace: "x" })).toThrow("needs a name");
  expect(() => objectPath(ConfigMap, { name: "a" })).toThrow("needs a namespace");
  expect(() => objectPath(Namespace, { name: "a", namespace: "x" })).toThrow("not namespaced");
});

test("a query contains the defined values, encoded", () => {
  expect(withQuery("/x", { a: undefined })).toBe("/x");
  expect(withQuery("/x", { labelSelector: "a=b,c in (d)", limit: 500 })).toBe("/x?labelSelector=a%3Db%2Cc+in+%28d%29&limit=500");
});
