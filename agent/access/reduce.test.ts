import { describe, expect, test } from "@jest/globals";
import type { SeenSet, SeenTemplate } from "./known.ts";
import { reduceSet, reduceTemplate } from "./reduce.ts";

type Subject = SeenSet["bindings"][number]["subjects"][number];

const VERSION = { uid: "u", createdAt: "2026-06-01T00:00:00Z", history: ["1-00000000"] };
const who = (name: string, expiresAt?: string): Subject => ({ kind: "User", name, ...(expiresAt && { expiresAt }) });
const set = (bindings: Record<string, Subject[]>, more: Partial<SeenSet> = {}): SeenSet => ({
  ...VERSION,
  name: "project-web",
  scope: "Project",
  project: { name: "web", uid: "uid-web" },
  part: 1,
  bindings: Object.entries(bindings).map(([template, subjects]) => ({ template, subjects })),
  ...more,
});
const both = (base: SeenSet, now: SeenSet) =>
  Object.fromEntries(reduceSet(base, now).bindings.map(({ template, subjects }) => [template, subjects]));

describe("two versions of a set", () => {
  test("give only what both give, by the same template and to the same kind of subject", () => {
    const account: Subject = { kind: "ServiceAccount", namespace: "web", name: "bob" };
    const base = set({ reader: [who("alice"), who("bob")], owner: [who("alice")] });
    const now = set({ reader: [who("alice"), account, who("erin")], editor: [who("alice")] });
    expect(both(base, now)).toEqual({ reader: [who("alice")] });
  });

  const [early, late] = ["2027-01-01T00:00:00Z", "2028-01-01T00:00:00+00:00"];
  test.each<[string, string | undefined, string | undefined, string | undefined]>([
    ["an end date that only one has", undefined, late, late],
    ["an end date that is taken away", late, undefined, late],
    ["an end date that comes sooner", late, early, early],
    ["an end date that is put off", early, late, early],
  ])("end at the earlier date: %s", (_, known, said, end) => {
    expect(both(set({ reader: [who("alice", known)] }), set({ reader: [who("alice", said)] }))).toEqual({ reader: [who("alice", end)] });
  });

  test("of two projects of one name give nothing", () => {
    expect(both(set({ reader: [who("alice")] }), set({ reader: [who("alice")] }, { project: { name: "web", uid: "another" } }))).toEqual(
      {},
    );
  });

  test("list only the sets that both list, and obey an order to tear down", () => {
    const index = (sets: string[], teardown = false) => set({}, { name: "cluster", index: { sets, teardown } });
    expect(reduceSet(index(["cluster", "project-a", "project-b"]), index(["cluster", "project-b", "project-c"], true)).index).toEqual({
      sets: ["cluster", "project-b"],
      teardown: true,
    });
  });
});

describe("two versions of a template", () => {
  const template = (more: Partial<SeenTemplate>): SeenTemplate => ({
    ...VERSION,
    name: "owner",
    context: "Project",
    accepted: true,
    rules: [],
    capabilities: [],
    ...more,
  });

  test("give the rules and capabilities that both have", () => {
    const rule = (...verbs: string[]) => ({ apiGroups: [""], resources: ["pods"], verbs });
    const known = template({ rules: [rule("get", "list")], capabilities: ["CreateNamespaces", "ViewCluster"] });
    const said = template({ rules: [rule("*")], capabilities: ["ViewCluster", "ClaimNamespaces"] });
    expect(reduceTemplate(known, said)).toMatchObject({ accepted: true, rules: [rule("get", "list")], capabilities: ["ViewCluster"] });
  });

  test.each<[string, Partial<SeenTemplate>]>([
    ["is not accepted", { accepted: false }],
    ["stands for another role of the cluster", { externalClusterRole: "admin" }],
    ["is of another context", { context: "Cluster" }],
  ])("give nothing when one %s", (_, more) => {
    expect(reduceTemplate(template({}), template(more)).accepted).toBe(false);
    expect(reduceTemplate(template(more), template({})).accepted).toBe(false);
  });
});
