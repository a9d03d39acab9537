import { expect, test } from "@jest/globals";
import { mergedRules } from "./rbac.ts";

test("rules that several reconcilers declare become one, with all verbs", () => {
  const rules = [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["watch", "get"] },
    { apiGroups: [""], resources: ["namespaces", "nodes"], verbs: ["list", "get"] },
    { apiGroups: [""], resources: ["nodes"], verbs: ["watch"] },
  ];
  expect(mergedRules(rules)).toEqual([{ apiGroups: [""], resources: ["namespaces", "nodes"], verbs: ["get", "list", "watch"] }]);
});

test("a permission on named objects never becomes one on all of them", () => {
  const rules = [
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["b", "a"], verbs: ["get"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    { apiGroups: ["x"], resources: ["secrets"], verbs: ["delete"] },
  ];
  expect(mergedRules(rules)).toEqual([
    { apiGroups: [""], resources: ["secrets"], resourceNames: ["a", "b"], verbs: ["get"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
    { apiGroups: ["x"], resources: ["secrets"], verbs: ["delete"] },
  ]);
});

test("the order in which rules are declared does not matter", () => {
  const rules = [
    { apiGroups: ["b"], resources: ["y", "x"], verbs: ["patch", "get"] },
    { nonResourceURLs: ["/z", "/a"], verbs: ["use"] },
    { apiGroups: ["a"], resources: ["x"], verbs: ["get"] },
  ];
  expect(JSON.stringify(mergedRules(rules))).toBe(JSON.stringify(mergedRules([...rules].reverse())));
});
