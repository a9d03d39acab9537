import { describe, expect, test } from "@jest/globals";
import type { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { seenTemplate } from "./observe.ts";

const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
const template = (status: ClusterRoleTemplate["status"]): ClusterRoleTemplate => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterRoleTemplate",
  metadata: { name: "reader" },
  spec: { displayName: "Reader", context: "Project", rules, capabilities: [], inherits: [], locked: false },
  ...(status && { status }),
});
const evaluated = (status: "True" | "False" | "Unknown", reason: string) => [
  { type: "Accepted", status, reason, message: "", lastTransitionTime: "2026-01-01T00:00:00Z" },
];

describe("what a template gives in a managed cluster", () => {
  test.each<[string, ClusterRoleTemplate["status"], boolean]>([
    ["accepted: its rules", { rules, conditions: evaluated("True", "Accepted") }, true],
    ["not evaluated yet: nothing", undefined, false],
    ["refused: nothing, whatever rules are still there", { rules, conditions: evaluated("False", "ParentNotFound") }, false],
    [
      "accepted, and the hub fails to evaluate it again: what it gave",
      { rules, conditions: evaluated("Unknown", "ReconcileFailed") },
      true,
    ],
    ["refused, and the hub fails to evaluate it again: nothing", { conditions: evaluated("Unknown", "ReconcileFailed") }, false],
  ])("%s", (_, status, accepted) => {
    expect(seenTemplate(template(status)).accepted).toBe(accepted);
  });
});
