import { expect, test } from "@jest/globals";
import { PolicyApplied, type Project } from "../../../crds/v1alpha1/project.ts";
import { plan } from "./plan.ts";

const project = (spec: Project["spec"]): Project => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Project",
  metadata: { name: "web", namespace: "cluster-east" },
  spec,
});

test.each<[string, Project["spec"], string, string]>([
  ["a project that asks for no policy", { displayName: "Web" }, PolicyApplied.NothingAsked, ""],
  [
    "a project that asks for policies reports that they do not hold",
    { podSecurity: { enforce: "baseline" }, isolation: { enabled: true } },
    PolicyApplied.Unsupported,
    "not applied in the managed cluster by this version: podSecurity, isolation",
  ],
])("%s", (_, spec, reason, message) => {
  expect(plan(project(spec)).conditions).toEqual([
    { type: "PolicyApplied", status: reason === PolicyApplied.NothingAsked ? "True" : "False", reason, message },
  ]);
});
