import { expect, test } from "@jest/globals";
import type { ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { plan } from "./plan.ts";

const template = (spec: Partial<ClusterRoleTemplate["spec"]>): ClusterRoleTemplate => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterRoleTemplate",
  metadata: { name: "reader" },
  spec: { displayName: "Reader", context: "Project", rules: [], capabilities: [], inherits: [], locked: false, ...spec },
});

test.each<[string, Partial<ClusterRoleTemplate["spec"]>, string]>([
  ["nothing, when all of it has an effect", { capabilities: ["CreateNamespaces"] }, ""],
  ["that it is locked for nothing", { locked: true }, "without effect in this version: `locked`"],
  [
    "capabilities that give nothing",
    { locked: true, capabilities: ["ManageMembers", "CreateNamespaces", "Audit"] },
    "without effect in this version: `locked`; capabilities ManageMembers, Audit",
  ],
])("an accepted template notes %s", (_, spec, message) => {
  const observed = { templates: new Map(), restoreAcceptedAt: undefined };
  expect(plan(template(spec), observed, new Date("2026-06-01T00:00:00Z")).conditions).toEqual([
    { type: "Accepted", status: "True", reason: "Accepted", message },
  ]);
});
