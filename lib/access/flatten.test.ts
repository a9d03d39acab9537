import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { PolicyRule } from "../kube/object.ts";
import { dependentsOf, flatten, type TemplateSource } from "./flatten.ts";

const rule = (resource: string, ...verbs: string[]): PolicyRule => ({
  apiGroups: [""],
  resources: [resource],
  verbs: verbs.length ? verbs : ["get"],
});
const template = (
  name: string,
  spec: Partial<TemplateSource["spec"]> = {},
  metadata: Partial<TemplateSource["metadata"]> = {},
): TemplateSource => ({
  metadata: { name, ...metadata },
  spec: { context: "Project", rules: [], capabilities: [], inherits: [], ...spec },
});
const among = (...templates: TemplateSource[]) => new Map(templates.map((t) => [t.metadata.name, t]));

function flattened(name: string, ...templates: TemplateSource[]) {
  const known = among(...templates);
  const found = known.get(name);
  if (!found) throw new Error(`no template ${name} in this test`);
  return flatten(found, known);
}

describe("flattening a template", () => {
  test("gives its own rules and those of all ancestors, each once", () => {
    const result = flattened(
      "c",
      template("a", { rules: [rule("pods"), rule("secrets")], capabilities: ["ViewCluster"] }),
      template("b", { rules: [rule("pods")], inherits: ["a"], capabilities: ["ManageMembers"] }),
      template("c", { rules: [rule("services")], inherits: ["b", "a"] }),
    );
    expect(result).toEqual({
      accepted: true,
      rules: [rule("pods"), rule("secrets"), rule("services")],
      capabilities: ["ManageMembers", "ViewCluster"],
    });
  });

  test("counts rules as the same only if the API group is the same too", () => {
    const other = { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: ["get"] };
    expect(flattened("a", template("a", { rules: [rule("pods"), other, { ...rule("pods"), apiGroups: [""] }] }))).toMatchObject({
      rules: [rule("pods"), other],
    });
  });

  test.each([
    ["a template that inherits itself", ["a"], "inherits itself: a → a"],
    ["two that inherit each other", ["b"], "inherits itself: a → b → a"],
    ["a cycle further up, of which it is no part", ["d"], "inherits itself: a → d → e → d"],
  ])("refuses %s and names the way", (_, inherits, message) => {
    const result = flattened(
      "a",
      template("a", { inherits }),
      template("b", { inherits: ["a"] }),
      template("d", { inherits: ["e"] }),
      template("e", { inherits: ["d"] }),
    );
    expect(result).toEqual({ accepted: false, reason: "InheritanceCycle", message });
  });

  test("refuses a missing parent, also one further up, and one that is being deleted", () => {
    expect(flattened("a", template("a", { inherits: ["gone"] }))).toMatchObject({ reason: "ParentNotFound" });
    expect(flattened("a", template("a", { inherits: ["b"] }), template("b", { inherits: ["gone"] }))).toMatchObject({
      reason: "ParentNotFound",
      message: "inherits a template that does not exist: a → b → gone",
    });
    const going = template("b", {}, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    expect(flattened("a", template("a", { inherits: ["b"] }), going)).toMatchObject({ reason: "ParentNotFound" });
  });

  test("refuses a parent of the other context, and one whose rules the hub does not know", () => {
    expect(flattened("a", template("a", { inherits: ["b"] }), template("b", { context: "Cluster" }))).toMatchObject({
      reason: "ContextMismatch",
    });
    expect(flattened("a", template("a", { inherits: ["b"] }), template("b", { externalClusterRole: "view" }))).toMatchObject({
      reason: "ParentExternal",
    });
  });

  test("refuses names of Drover's own roles, for itself, as a parent and as an external role", () => {
    expect(flattened("impersonator", template("impersonator"))).toMatchObject({ reason: "NameReserved" });
    expect(flattened("a", template("a", { inherits: ["proxy"] }), template("proxy"))).toMatchObject({ reason: "ParentNotAccepted" });
    expect(flattened("a", template("a", { externalClusterRole: "drover:cluster-owner" }))).toMatchObject({ reason: "ExternalRoleRefused" });
    expect(flattened("a", template("a", { externalClusterRole: "cluster-admin" }))).toMatchObject({ accepted: true, rules: [] });
  });

  test("refuses more rules than a status holds", () => {
    const many = (from: number, n: number) => Array.from({ length: n }, (_, i) => rule(`r${from + i}`));
    const parents = [0, 1, 2].map((i) => template(`p${i}`, { rules: many(i * 200, 200) }));
    expect(flattened("a", template("a", { inherits: ["p0", "p1", "p2"] }), ...parents)).toMatchObject({ reason: "TooLarge" });
    expect(flattened("a", template("a", { inherits: ["p0", "p1"] }), ...parents)).toMatchObject({ accepted: true });
  });

  test("follows a chain of ten thousand without overflowing the stack", () => {
    const chain = Array.from({ length: 10_000 }, (_, i) =>
      template(`t${i}`, { inherits: i > 0 ? [`t${i - 1}`] : [], rules: i === 0 ? [rule("pods")] : [] }),
    );
    expect(flattened("t9999", ...chain)).toMatchObject({ accepted: true, rules: [rule("pods")] });
  }, 60_000);

  test("names every template that a changed template affects", () => {
    const all = [
      template("a"),
      template("b", { inherits: ["a"] }),
      template("c", { inherits: ["b"] }),
      template("d", { inherits: ["c", "d"] }),
      template("e"),
    ];
    expect(dependentsOf("a", all)).toEqual(["a", "b", "c", "d"]);
    expect(dependentsOf("gone", [template("x", { inherits: ["gone"] })])).toEqual(["gone", "x"]);
  });
});

describe("for any templates", () => {
  const names = ["a", "b", "c", "d", "e"];
  const templates = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...names),
      inherits: fc.subarray([...names, "gone"], { maxLength: 3 }),
      rules: fc.subarray([rule("pods"), rule("secrets", "get", "list"), rule("nodes")]),
      context: fc.constantFrom("Cluster" as const, "Project" as const, "Project" as const),
    }),
    { selector: ({ name }) => name },
  );
  const made = (list: { name: string; inherits: string[]; rules: PolicyRule[]; context: "Cluster" | "Project" }[]) =>
    among(...list.map(({ name, ...spec }) => template(name, spec)));

  test("an accepted one gives exactly the rules of those it reaches, and all of them exist with its context", () => {
    fc.assert(
      fc.property(templates, (list) => {
        const known = made(list);
        for (const one of known.values()) {
          const result = flatten(one, known);
          if (!result.accepted) continue;
          const reached = names.filter((name) => dependentsOf(name, known.values()).includes(one.metadata.name));
          expect(reached.every((name) => known.get(name)?.spec.context === one.spec.context)).toBe(true);
          const rules = new Set(reached.flatMap((name) => known.get(name)?.spec.rules ?? []).map((r) => JSON.stringify(r)));
          expect(new Set(result.rules.map((r) => JSON.stringify(r)))).toEqual(rules);
        }
      }),
    );
  });

  test("neither the order of templates nor of their parents and rules matters", () => {
    fc.assert(
      fc.property(templates, (list) => {
        const known = made(list);
        const turned = made(list.map((t) => ({ ...t, inherits: [...t.inherits].reverse(), rules: [...t.rules].reverse() })).reverse());
        for (const [name, one] of known)
          expect(JSON.stringify(flatten(turned.get(name) ?? one, turned))).toBe(JSON.stringify(flatten(one, known)));
      }),
    );
  });
});
