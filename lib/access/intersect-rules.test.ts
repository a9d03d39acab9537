import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { PolicyRule } from "../kube/object.ts";
import { intersectRules } from "./intersect-rules.ts";

const rule = (apiGroups: string[], resources: string[], verbs: string[], resourceNames?: string[]): PolicyRule => ({
  apiGroups,
  resources,
  verbs,
  ...(resourceNames && { resourceNames }),
});

describe("the intersection of two lists of rules", () => {
  test.each<[string, PolicyRule[], PolicyRule[], PolicyRule[]]>([
    ["the same rules", [rule([""], ["pods"], ["get"])], [rule([""], ["pods"], ["get"])], [rule([""], ["pods"], ["get"])]],
    ["a verb less", [rule([""], ["pods"], ["get", "delete"])], [rule([""], ["pods"], ["get"])], [rule([""], ["pods"], ["get"])]],
    ["a wildcard and its like", [rule(["*"], ["*"], ["*"])], [rule([""], ["pods"], ["get"])], [rule([""], ["pods"], ["get"])]],
    [
      "a subresource of everything",
      [rule([""], ["*/scale"], ["get"])],
      [rule([""], ["pods/scale", "pods"], ["get"])],
      [rule([""], ["pods/scale"], ["get"])],
    ],
    [
      "names against all names",
      [rule([""], ["pods"], ["get"], ["a"])],
      [rule([""], ["pods"], ["get"])],
      [rule([""], ["pods"], ["get"], ["a"])],
    ],
    ["other names", [rule([""], ["pods"], ["get"], ["a"])], [rule([""], ["pods"], ["get"], ["b"])], []],
    ["nothing in common", [rule([""], ["pods"], ["get"])], [rule(["apps"], ["pods"], ["get"])], []],
    [
      "paths",
      [{ nonResourceURLs: ["/healthz/*"], verbs: ["get"] }],
      [{ nonResourceURLs: ["/healthz/ping", "/metrics"], verbs: ["*"] }],
      [{ nonResourceURLs: ["/healthz/ping"], verbs: ["get"] }],
    ],
  ])("%s", (_, a, b, both) => {
    expect(intersectRules(a, b)).toEqual(both);
  });

  test("allows exactly what both allow, evaluated as by RBAC", () => {
    const some = (words: string[], minLength = 1) => fc.subarray(words, { minLength });
    const resourceRule = fc.record({
      apiGroups: some(["", "apps", "*"]),
      resources: some(["pods", "pods/scale", "*/scale", "*"]),
      verbs: some(["get", "list", "*"]),
      resourceNames: some(["a", "b"], 0),
    });
    const pathRule = fc.record({ nonResourceURLs: some(["/a", "/a/*", "/a/b", "*"]), verbs: some(["get", "list", "*"]) });
    const rules = fc.array(fc.oneof(resourceRule, pathRule), { maxLength: 4 });
    fc.assert(
      fc.property(rules, rules, (a, b) => {
        const both = intersectRules(a, b);
        for (const request of REQUESTS)
          expect([request, allows(both, request)]).toEqual([request, allows(a, request) && allows(b, request)]);
      }),
    );
  });
});

interface Request {
  readonly group?: string;
  readonly resource?: string;
  readonly verb: string;
  readonly name?: string;
  readonly path?: string;
}

const REQUESTS: readonly Request[] = ["get", "list", "watch"].flatMap((verb) => [
  ...["", "apps", "batch"].flatMap((group) =>
    ["pods", "pods/scale", "jobs", "jobs/scale", "jobs/status"].flatMap((resource) =>
      ["", "a", "b", "c"].map((name) => ({ verb, group, resource, name })),
    ),
  ),
  ...["/a", "/a/b", "/a/c", "/b"].map((path) => ({ verb, path })),
]);

/** As the RBAC evaluation in k8s.io/component-helpers. */
const allows = (rules: readonly PolicyRule[], { group, resource, verb, name = "", path }: Request): boolean =>
  rules.some((one) => {
    if (!one.verbs.includes("*") && !one.verbs.includes(verb)) return false;
    if (path !== undefined)
      return (one.nonResourceURLs ?? []).some(
        (url) => url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1))),
      );
    const sub = resource?.split("/")[1];
    const matches = (of: string): boolean => of === "*" || of === resource || (sub !== undefined && of === `*/${sub}`);
    const names = one.resourceNames ?? [];
    return (
      (one.apiGroups ?? []).some((of) => of === "*" || of === group) &&
      (one.resources ?? []).some(matches) &&
      (names.length === 0 || names.includes(name))
    );
  });
