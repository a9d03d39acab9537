import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { evaluateBinding, evaluateGlobalBinding, factsOf, refusalOfGrant } from "./compile-binding.ts";
import { compileCluster } from "./compile-cluster.ts";
import type { TemplateSource } from "./flatten.ts";
import { LABEL } from "./names.ts";
import { type LabelSelector, selects } from "./selector.ts";

const HUB = { name: "hub", labels: { [LABEL.hub]: "true", env: "management" } };
const EAST = { name: "east", labels: { env: "prod" } };
const onHub = { matchLabels: { [LABEL.hub]: "true" } };

describe("a selector reaches the hub only by naming it", () => {
  test.each<[string, LabelSelector]>([
    ["{}", {}],
    ["no labels at all", { matchLabels: {}, matchExpressions: [] }],
    ["all but production", { matchExpressions: [{ key: "env", operator: "NotIn", values: ["prod"] }] }],
    ["whatever has no label `prod`", { matchExpressions: [{ key: "prod", operator: "DoesNotExist" }] }],
    ["another label that the hub carries", { matchLabels: { env: "management" } }],
    ["a denial that names the hub's label", { matchExpressions: [{ key: LABEL.hub, operator: "NotIn", values: ["yes"] }] }],
    ["everything but the hub", { matchExpressions: [{ key: LABEL.hub, operator: "DoesNotExist" }] }],
  ])("%s does not reach it", (_, selector) => {
    expect(selects(selector, HUB)).toBe(false);
  });

  test.each<[string, LabelSelector]>([
    ["its label", onHub],
    ["its label among values", { matchExpressions: [{ key: LABEL.hub, operator: "In", values: ["true"] }] }],
    ["that its label exists", { matchExpressions: [{ key: LABEL.hub, operator: "Exists" }] }],
  ])("%s reaches it, and no other cluster", (_, selector) => {
    expect(selects(selector, HUB)).toBe(true);
    expect(selects(selector, EAST)).toBe(false);
    expect(selects(selector, { name: "impostor", labels: HUB.labels })).toBe(false);
  });

  test("the hub is also identified by its name: without its label no selector matches it", () => {
    expect(selects({}, { name: "hub", labels: {} })).toBe(false);
    expect(selects(onHub, { name: "hub", labels: {} })).toBe(false);
  });

  test("other clusters are matched as usual", () => {
    expect(selects({}, EAST)).toBe(true);
    expect(selects({ matchExpressions: [{ key: "env", operator: "NotIn", values: ["test"] }] }, EAST)).toBe(true);
    expect(selects({ matchLabels: { env: "test" } }, EAST)).toBe(false);
  });

  test("a selector without the hub's label never matches the hub", () => {
    const word = fc.constantFrom("env", "prod", "tier");
    const expression = fc.record({
      key: word,
      operator: fc.constantFrom("In", "NotIn", "Exists", "DoesNotExist"),
      values: fc.array(fc.constantFrom("prod", "management"), { minLength: 1, maxLength: 2 }),
    });
    const selector = fc.record({
      matchLabels: fc.dictionary(word, fc.constantFrom("prod", "management")),
      matchExpressions: fc.array(expression),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(word, fc.constantFrom("prod", "management")), (chosen, labels) => {
        expect(selects(chosen, { name: "hub", labels: { ...labels, [LABEL.hub]: "true" } })).toBe(false);
      }),
    );
  });
});

describe("on the hub a wildcard includes everything, also Drover's own Secrets and guards", () => {
  const template = (name: string, spec: Partial<TemplateSource["spec"]>): TemplateSource => ({
    metadata: { name },
    spec: { context: "Cluster", ...spec },
  });
  const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
  const templates = [
    template("narrow", { rules: [{ apiGroups: ["apps"], resources: ["deployments"], verbs: ["*"] }] }),
    template("owner", { rules: [everything] }),
    template("reader", { rules: [{ apiGroups: [""], resources: ["*"], verbs: ["get"] }] }),
    template("groups", { rules: [{ apiGroups: ["*"], resources: ["secrets"], verbs: ["get"] }] }),
    template("tokens", { rules: [{ apiGroups: [""], resources: ["*/token"], verbs: ["create"] }] }),
    template("heir", { inherits: ["owner"] }),
    template("external", { externalClusterRole: "cluster-admin" }),
    template("stated", { inherits: ["owner"], capabilities: ["AdministerHub"] }),
    template("in-project", { context: "Project", rules: [everything] }),
  ];
  const role = {
    metadata: { name: "r" },
    spec: {
      grants: templates
        .filter(({ spec }) => spec.context === "Cluster")
        .map(({ metadata }) => ({ template: metadata.name, clusterSelector: onHub })),
    },
  };
  const facts = factsOf(
    {
      user: (name) => ({ metadata: { name }, spec: {} }),
      provider: () => undefined,
      template: (name) => templates.find(({ metadata }) => metadata.name === name),
      globalRole: (name) => (name === "r" ? role : undefined),
      gaps: [],
    },
    new Date("2026-06-01T00:00:00Z"),
  );
  const alice = { kind: "User", name: "alice" } as const;
  const bound = (namespace: string, to: string) => ({ metadata: { name: "b", namespace }, spec: { template: to, subject: alice } });

  test.each([
    ["narrow", true],
    ["owner", false],
    ["reader", false],
    ["groups", false],
    ["tokens", false],
    ["heir", false],
    ["external", false],
    ["stated", true],
  ])("template %s counts there: %s; elsewhere it does", (name, counts) => {
    expect(evaluateBinding(bound("cluster-hub", name), "Cluster", facts).accepted).toBe(counts);
    expect(evaluateBinding(bound("cluster-east", name), "Cluster", facts).accepted).toBe(true);
    expect(refusalOfGrant({ template: name, clusterSelector: onHub }, facts) === undefined).toBe(counts);
    expect(refusalOfGrant({ template: name, clusterSelector: {} }, facts)).toBeUndefined();
  });

  test("the refusal says what to do", () => {
    const evaluated = evaluateBinding(bound("cluster-hub", "owner"), "Cluster", facts);
    expect(evaluated).toMatchObject({ accepted: false, reason: "TooBroadForHub", message: expect.stringContaining("AdministerHub") });
  });

  test("in a project of the hub a wildcard holds in the project's namespaces only, and counts", () => {
    expect(evaluateBinding(bound("project-hub--web", "in-project"), "Project", facts).accepted).toBe(true);
  });

  test("the compiled sets of the hub contain no such grant, but the other grants of the same role", () => {
    const globalBindings = [{ metadata: { name: "g" }, spec: { globalRole: "r", subject: alice } }];
    expect(evaluateGlobalBinding(globalBindings[0] as (typeof globalBindings)[number], facts).accepted).toBe(true);
    const { sets } = compileCluster({
      cluster: { metadata: HUB },
      facts,
      globalBindings,
      clusterBindings: [bound("cluster-hub", "owner")],
      projects: [],
      projectBindings: [],
      previous: [],
      mayGrant: true,
    });
    expect(sets[0]?.spec.bindings.map((b) => b.template)).toEqual(["narrow", "stated"]);
  });
});
