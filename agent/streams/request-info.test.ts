import { describe, expect, test } from "@jest/globals";
import { isLongRunning, requestInfo } from "./request-info.ts";

const CASES: readonly [method: string, target: string, expected: string][] = [
  ["GET", "/api/v1/namespaces", "list .namespaces  "],
  ["GET", "/api/v1/namespaces/other", "get .namespaces other other"],
  ["PUT", "/api/v1/namespaces/other/finalize", "update .namespaces/finalize other other"],
  ["PATCH", "/api/v1/namespaces/other/status", "patch .namespaces/status other other"],
  ["GET", "/api/v1/namespaces/other/pods", "list .pods other "],
  ["GET", "/api/v1/namespaces/other/pods/foo", "get .pods other foo"],
  ["HEAD", "/api/v1/namespaces/other/pods/foo", "get .pods other foo"],
  ["GET", "/api/v1/pods", "list .pods  "],
  ["GET", "/api/v1/pods?watch=true", "watch .pods  "],
  ["GET", "/api/v1/pods?watch", "watch .pods  "],
  ["GET", "/api/v1/pods?watch=false", "list .pods  "],
  ["GET", "/api/v1/namespaces/other/pods?watch=1&fieldSelector=metadata.name%3Dfoo", "watch .pods other foo"],
  ["GET", "/api/v1/watch/namespaces/other/pods", "watch .pods other "],
  ["GET", "/api/v1/watch/pods", "watch .pods  "],
  ["GET", "/api/v1/namespaces/other/pods/foo/log?follow=true", "get .pods/log other foo"],
  ["POST", "/api/v1/namespaces/other/pods/foo/exec?command=sh", "create .pods/exec other foo"],
  ["GET", "/api/v1/namespaces/other/pods/foo/exec?command=sh", "get .pods/exec other foo"],
  ["DELETE", "/api/v1/namespaces/other/pods", "deletecollection .pods other "],
  ["DELETE", "/api/v1/namespaces/other/pods/foo", "delete .pods other foo"],
  ["POST", "/apis/apps/v1/namespaces/other/deployments", "create apps.deployments other "],
  ["GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/view", "get rbac.authorization.k8s.io.clusterroles  view"],
  ["GET", "/api/v1/namespaces/other/services/http:web:80/proxy/index.html", "get .services/proxy other http:web:80"],
];

describe("requestInfo", () => {
  test.each(CASES)("reads %s %s as the API server does", (method, target, expected) => {
    const { verb, group, resource, subresource, namespace, name } = requestInfo(method, target);
    expect(`${verb} ${group}.${resource}${subresource ? `/${subresource}` : ""} ${namespace} ${name}`).toBe(expected);
  });

  test.each(["/api", "/apis", "/apis/apps", "/api/v1", "/apis/apps/v1", "/healthz", "/version", "/"])(
    "takes %s for a path, not a resource",
    (path) => {
      expect(requestInfo("GET", path)).toMatchObject({ verb: "get", path, resource: "" });
    },
  );

  test("splits on slashes that were percent-encoded, as the API server does", () => {
    expect(requestInfo("GET", "/api/v1/namespaces/a%2Fpods")).toMatchObject({ resource: "pods", namespace: "a", verb: "list" });
  });

  test.each([
    ["/api/v1/pods?watch=1", true],
    ["/api/v1/namespaces/a/pods/p/log", true],
    ["/api/v1/namespaces/a/pods/p/exec", true],
    ["/api/v1/namespaces/a/pods/p/portforward", true],
    ["/api/v1/namespaces/a/pods/p", false],
    ["/api/v1/pods", false],
    ["/healthz", false],
  ])("knows whether %s may stay open: %s", (path, long) => {
    expect(isLongRunning(requestInfo("GET", path))).toBe(long);
  });
});
