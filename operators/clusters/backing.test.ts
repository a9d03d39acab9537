import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Namespace } from "../../lib/kube/core.ts";
import type { Reading } from "../../lib/reconcile/contract.ts";
import { type Backing, evaluateBacking, removeBacking } from "./backing.ts";

const labels = { "drover.dev/backs-cluster": "east" };
const namespace = (more: Partial<Namespace["metadata"]> = {}, phase: "Active" | "Terminating" = "Active"): Reading<Namespace> => ({
  is: "present",
  value: { apiVersion: "v1", kind: "Namespace", metadata: { name: "cluster-east", uid: "u1", labels, ...more }, status: { phase } },
});
const backing = (more: Partial<Backing> = {}): Backing => ({
  name: "cluster-east",
  labels,
  adoptedUID: undefined,
  found: namespace(),
  unmanaged: [],
  ...more,
});
const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };

describe("a backing namespace", () => {
  test.each<[string, Partial<Backing>, string, object]>([
    ["that is absent is made", { found: { is: "absent" } }, "Creating", {}],
    ["with the label and nothing in it becomes ours", {}, "Ready", { namespaceUID: "u1" }],
    ["without the label is somebody else's", { found: namespace({ labels: {} }) }, "NameTaken", {}],
    [
      "labelled for another cluster is somebody else's",
      { found: namespace({ labels: { "drover.dev/backs-cluster": "west" } }) },
      "NameTaken",
      {},
    ],
    ["in which somebody prepared a RoleBinding is refused", { unmanaged: ["RoleBinding mine"] }, "NameTaken", {}],
    [
      "that is ours stays so although people add RoleBindings",
      { adoptedUID: "u1", unmanaged: ["RoleBinding mine"] },
      "Ready",
      { namespaceUID: "u1" },
    ],
    [
      "that is ours stays so although somebody took its label away",
      { adoptedUID: "u1", found: namespace({ labels: {} }) },
      "Ready",
      { namespaceUID: "u1" },
    ],
    [
      "created by somebody in place of Drover's is evaluated like any other",
      { adoptedUID: "old", unmanaged: ["RoleBinding mine"] },
      "NameTaken",
      {},
    ],
    [
      "that could not be read stays what it was",
      { adoptedUID: "u1", found: { is: "unreadable", because: "no answer" } },
      "Unreadable",
      { namespaceUID: "u1" },
    ],
    [
      "that is ours and is going stays ours until it is gone",
      { adoptedUID: "u1", found: namespace(going, "Terminating") },
      "Creating",
      { namespaceUID: "u1" },
    ],
    ["of somebody else that is going is waited for", { found: namespace(going, "Terminating") }, "Creating", {}],
  ])("%s", (_, more, result, status) => {
    expect(evaluateBacking(backing(more))).toMatchObject({ is: result, status });
    expect(evaluateBacking(backing(more)).status).toEqual(status);
  });

  test("of somebody else is not written to, nor is one that could not be read", () => {
    for (const more of [
      { unmanaged: ["RoleBinding mine"] },
      { found: namespace({ labels: {} }) },
      { found: { is: "unreadable" as const, because: "" } },
    ]) {
      expect(evaluateBacking(backing(more)).apply).toEqual([]);
    }
  });

  test.each<[string, Partial<Backing>, object]>([
    [
      "that is ours goes, that very one",
      { adoptedUID: "u1" },
      { remove: [{ apiVersion: "v1", kind: "Namespace", name: "cluster-east", uid: "u1" }], finalizer: "hold" },
    ],
    ["of somebody else is left alone", { unmanaged: ["RoleBinding mine"] }, { finalizer: "release" }],
    ["that is gone lets its owner go", { adoptedUID: "u1", found: { is: "absent" } }, { finalizer: "release" }],
    ["that could not be read holds its owner", { adoptedUID: "u1", found: { is: "unreadable", because: "" } }, { finalizer: "hold" }],
  ])("%s when its owner is deleted", (_, more, wanted) => {
    expect(removeBacking(backing(more))).toEqual(wanted);
  });

  test("that is going lets its owner go where its end is waited for elsewhere", () => {
    const ours = backing({ adoptedUID: "u1", found: namespace(going, "Terminating") });
    expect(removeBacking(ours).finalizer).toBe("hold");
    expect(removeBacking(ours, "going")).toEqual({ finalizer: "release" });
    expect(removeBacking(backing({ adoptedUID: "u1" }), "going")).toEqual(removeBacking(backing({ adoptedUID: "u1" })));
  });

  test("whatever was seen: only what is ours by UID, or labelled and empty, is ever applied to or removed", () => {
    const arbitrary = fc.record({
      adoptedUID: fc.constantFrom(undefined, "u1", "old"),
      unmanaged: fc.constantFrom([], ["RoleBinding mine"]),
      found: fc.oneof(
        fc.constant({ is: "absent" as const }),
        fc
          .record({ labels: fc.constantFrom({}, labels), phase: fc.constantFrom("Active" as const, "Terminating" as const) })
          .map(({ labels: l, phase }) => namespace({ labels: l }, phase)),
      ),
    });
    fc.assert(
      fc.property(arbitrary, (more) => {
        const seen = backing(more);
        const touches = evaluateBacking(seen).apply.length > 0 || (removeBacking(seen).remove ?? []).length > 0;
        const { found, adoptedUID, unmanaged } = seen;
        if (found.is !== "present" || !touches) return;
        const clean = unmanaged.length === 0 && found.value.metadata.labels?.["drover.dev/backs-cluster"] === "east";
        expect(found.value.metadata.uid === adoptedUID || clean).toBe(true);
        expect(JSON.stringify(evaluateBacking(seen))).toBe(JSON.stringify(evaluateBacking(seen)));
      }),
    );
  });
});
