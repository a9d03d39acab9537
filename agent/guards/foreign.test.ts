import { describe, expect, test } from "@jest/globals";
import type { ManagedFieldsEntry } from "../../lib/kube/object.ts";
import { hasForeignSpec } from "./foreign.ts";

const entry = (manager: string, spec: object, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: "Apply",
  fieldsV1: { "f:spec": spec },
  ...more,
});
const policy = (...managedFields: ManagedFieldsEntry[]) => ({ apiVersion: "v1", kind: "Policy", metadata: { name: "p", managedFields } });
const own = entry("agent-guards", {
  "f:failurePolicy": {},
  "f:matchConditions": { 'k:{"name":"agent"}': { ".": {}, "f:name": {}, "f:expression": {} } },
});

describe("hasForeignSpec", () => {
  test("is content with a policy that only the agent writes", () => {
    expect(hasForeignSpec(policy(own), "agent-guards")).toBe(false);
  });

  test("finds a match condition that somebody added", () => {
    const added = entry(
      "kubectl-edit",
      { "f:matchConditions": { 'k:{"name":"never"}': { ".": {}, "f:name": {} } } },
      { operation: "Update" },
    );
    expect(hasForeignSpec(policy(own, added), "agent-guards")).toBe(true);
  });

  test("finds a field that the agent does not write", () => {
    expect(hasForeignSpec(policy(own, entry("kubectl", { "f:matchResources": {} })), "agent-guards")).toBe(true);
  });

  test("lets others say the same as the agent, and the server write the status", () => {
    const same = entry("deploy", { "f:failurePolicy": {}, "f:matchConditions": { 'k:{"name":"agent"}': { ".": {}, "f:name": {} } } });
    const status = entry("kube-controller-manager", { "f:typeChecking": {} }, { operation: "Update", subresource: "status" });
    expect(hasForeignSpec(policy(own, same, status), "agent-guards")).toBe(false);
  });
});
