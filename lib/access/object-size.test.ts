// Limits of etcd and of requests: whatever users write, no compiled object is too large to write, and none prevents another from being written.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { type BindingSource, factsOf } from "./compile-binding.ts";
import { type Compiled, type CompileInput, compileCluster, MAX_SETS, revokes } from "./compile-cluster.ts";
import { flatten } from "./flatten.ts";
import { memberParts, wholeMembers } from "./members.ts";
import { MAX_PARTS, PART_BYTES, pack } from "./packing.ts";

/** Etcd's limit is 1.5 MiB; Drover guarantees half a mebibyte. */
const OBJECT_BYTES = 512 * 1024;
const NOW = new Date("2026-06-01T12:00:00Z");
const project = (name: string) => ({ metadata: { name, namespace: "cluster-east", uid: name }, spec: {}, status: { namespaceUID: "n" } });
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

function compile(world: Partial<CompileInput>, now = NOW): Compiled {
  const sources = {
    user: (name: string) => ({ metadata: { name }, spec: {} }),
    provider: (name: string) => ({ metadata: { name } }),
    template: (name: string) => ({ metadata: { name }, spec: { context: "Project" as const } }),
    globalRole: () => undefined,
    gaps: [],
  };
  return compileCluster({
    cluster: { metadata: { name: "east" } },
    facts: factsOf(sources, now),
    globalBindings: [],
    clusterBindings: [],
    projects: [project("web")],
    projectBindings: [],
    previous: [],
    mayGrant: true,
    ...world,
  });
}
const longGroup = (n: number): string => `${"ä".repeat(160)}${n}`;
const binding = (n: number, template = "reader", name = longGroup(n)): BindingSource => ({
  metadata: { name: `b${n}`, namespace: "project-east--web" },
  spec: { template, subject: { kind: "Group", provider: "corp", name } },
});
const many = (count: number): BindingSource[] => Array.from({ length: count }, (_, n) => binding(n));
const asPrevious = ({ sets }: Compiled): CompileInput["previous"] => sets.map(({ name, spec }) => ({ metadata: { name }, spec }));
const groupsOf = ({ sets }: Compiled): string[] => sets.flatMap(({ spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => s.name)));

describe("sets", () => {
  test("1,500 bindings of long group names in one project are several sets, none of them too large, and nobody is lost", () => {
    const compiled = compile({ projectBindings: many(1500) });
    expect(compiled.leftOut).toEqual([]);
    expect(new Set(groupsOf(compiled)).size).toBe(1500);
    expect(compiled.sets.length).toBeGreaterThan(4);
    for (const { spec } of compiled.sets) expect(bytes(spec)).toBeLessThan(OBJECT_BYTES);
  });

  test("when subjects are added or removed, no other subject moves to another set, and no set becomes too large", () => {
    const names = fc.uniqueArray(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 340 })), { selector: ([n]) => n, maxLength: 30 });
    const crowd = names.map((list) =>
      list.flatMap(([n, length]) =>
        Array.from({ length: 40 }, (_, i) => binding(n * 100 + i, `t${i % 3}`, `${"x".repeat(length)}${n * 100 + i}`)),
      ),
    );
    fc.assert(
      fc.property(crowd, crowd, (before, after) => {
        const first = compile({ projectBindings: before });
        const next = compile({ projectBindings: after, previous: asPrevious(first) }, new Date(NOW.getTime() + 1000));
        const [was, is] = [placesOf(first), placesOf(next)];
        for (const [grant, set] of is) if (was.has(grant)) expect(set).toBe(was.get(grant));
        for (const { spec } of next.sets) expect(bytes(spec)).toBeLessThan(OBJECT_BYTES);
      }),
      { numRuns: 30 },
    );
  });

  test("with more projects than the index can list, existing ones stay, and the result names those left out", () => {
    const projects = Array.from({ length: MAX_SETS }, (_, n) => project(`p${n}`));
    const old = compile({ projects: projects.slice(1) });
    const compiled = compile({ projects, previous: asPrevious(old) });
    expect(compiled.sets).toHaveLength(MAX_SETS);
    expect(compiled.leftOut).toEqual([`project p0: the cluster has more than ${MAX_SETS} sets of grants`]);
    expect(bytes(compiled.sets.find(({ name }) => name === "cluster"))).toBeLessThan(OBJECT_BYTES);
  });

  test("grants that do not fit into all parts are left out and counted", () => {
    const items = Array.from({ length: MAX_PARTS + 3 }, (_, n) => ({ key: `k${n}`, bytes: PART_BYTES }));
    const { parts, leftOut } = pack(items, new Map());
    expect([parts.length, leftOut.length]).toEqual([MAX_PARTS, 3]);
  });

  test("sets that revoke are written before sets that only add, and the index last among equals", () => {
    const projects = ["a", "b", "c", "d"].map(project);
    const inProjects = (...list: [string, number][]) =>
      list.map(([name, n]) => ({ ...binding(n), metadata: { name: `b${name}${n}`, namespace: `project-east--${name}` } }));
    const before = compile({ projects, projectBindings: inProjects(["a", 1], ["b", 1], ["b", 2], ["c", 1]) });
    const after = compile({ projects, projectBindings: inProjects(["a", 1], ["a", 2], ["b", 2], ["c", 2]), previous: asPrevious(before) });
    expect(before.sets.at(-1)?.name).toBe("cluster");
    expect(after.sets.map(({ name }) => name)).toEqual(["project-b", "project-c", "project-a", "project-d", "cluster"]);
    const without = compile({
      projects: projects.slice(1),
      projectBindings: inProjects(["b", 1], ["b", 2], ["b", 3]),
      previous: asPrevious(before),
    });
    expect(without.sets.map(({ name }) => name)).toEqual(["project-c", "cluster", "project-b", "project-d"]);
  });

  test("over random changes every revoking set comes before the others, and a later end date is no revocation", () => {
    const world = fc.array(
      fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(3), fc.constantFrom(undefined, "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z")),
      { maxLength: 8 },
    );
    const compiled = (list: readonly (readonly [string, number, string | undefined])[], previous: CompileInput["previous"] = []) =>
      compile(
        {
          projects: ["a", "b", "c"].map(project),
          previous,
          projectBindings: list.map(([name, n, expiresAt], i) => ({
            metadata: { name: `b${i}`, namespace: `project-east--${name}` },
            spec: { ...binding(n).spec, ...(expiresAt && { expiresAt }) },
          })),
        },
        previous.length === 0 ? NOW : new Date(NOW.getTime() + 1000),
      );
    fc.assert(
      fc.property(world, world, (before, after) => {
        const first = compiled(before);
        const next = compiled(after, asPrevious(first));
        const lost = next.sets.map(({ name, spec }) => revokes(spec, first.sets.find((set) => set.name === name)?.spec));
        expect(lost).toEqual([...lost].sort((a, b) => Number(b) - Number(a)));
        const held = (c: Compiled) =>
          new Set(c.sets.flatMap(({ spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => `${spec.project?.name} ${s.name}`))));
        if ([...held(first)].some((grant) => !held(next).has(grant))) expect(lost[0]).toBe(true);
      }),
    );
  });
});

describe("members", () => {
  const whole = (users: string[], groups: string[], everyone = false) => ({ users, groups, everyone });
  const asMembers = (parts: ReturnType<typeof memberParts>["parts"]): ClusterMembers[] =>
    parts.map(({ name, spec }) => ({ apiVersion: "drover.dev/v1alpha1", kind: "ClusterMembers", metadata: { name }, spec }));
  const read = (parts: readonly ClusterMembers[]) => wholeMembers((name) => parts.find(({ metadata }) => metadata.name === name));

  test("an ordinary cluster has one object", () => {
    const { parts } = memberParts(whole(["alice"], ["drover:group:corp:devs"], true), []);
    expect(parts).toEqual([{ name: "members", spec: { users: ["alice"], groups: ["drover:group:corp:devs"], everyone: true, parts: 1 } }]);
    const [only] = asMembers(parts);
    expect(read(asMembers(parts))).toEqual(only);
  });

  test("split and read back, the members are the same; no part is too large; no member moves", () => {
    const names = (prefix: string, length: number) =>
      fc.uniqueArray(fc.nat(400), { maxLength: 300 }).map((list) => list.map((n) => `${prefix}${"x".repeat(length)}${n}`).sort());
    const world = fc.record({ users: names("u", 50), groups: names("drover:group:corp:", 1000), everyone: fc.boolean() });
    fc.assert(
      fc.property(world, world, (before, after) => {
        const first = asMembers(memberParts(before, []).parts);
        const next = asMembers(memberParts(after, first).parts);
        const found = read(next)?.spec;
        expect([[...(found?.users ?? [])].sort(), [...(found?.groups ?? [])].sort(), found?.everyone]).toEqual([
          after.users,
          after.groups,
          after.everyone,
        ]);
        for (const { spec } of next) expect(bytes(spec)).toBeLessThan(OBJECT_BYTES);
        for (const { metadata, spec } of first) {
          const now = next.find((part) => part.metadata.name === metadata.name)?.spec;
          for (const group of spec.groups) if (after.groups.includes(group)) expect(now?.groups).toContain(group);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a part beyond the count of the first one adds no members, and neither does a missing one", () => {
    const groups = Array.from({ length: 600 }, (_, n) => `drover:group:corp:${"x".repeat(1000)}${n}`);
    const parts = asMembers(memberParts(whole([], groups), []).parts);
    expect(parts.length).toBeGreaterThan(2);
    const forged = {
      ...(parts[0] as ClusterMembers),
      metadata: { name: "members--part-9" },
      spec: { users: ["mallory"], groups: [], everyone: true, parts: 1 },
    };
    expect(read([...parts, forged])?.spec).toMatchObject({ users: [], everyone: false });
    expect(read(parts.slice(0, -1))?.spec.groups.length).toBeLessThan(groups.length);
    expect(read(parts.slice(1))).toBeUndefined();
  });

  test("the same parts give the same object, and a changed part gives another one", () => {
    const groups = Array.from({ length: 600 }, (_, n) => `drover:group:corp:${"x".repeat(1000)}${n}`);
    const parts = asMembers(memberParts(whole([], groups), []).parts);
    expect(read(parts)).toBe(read([...parts]));
    const changed = parts.map((part, index) => (index === 1 ? { ...part, spec: { ...part.spec, groups: [] } } : part));
    expect(read(changed)).not.toBe(read(parts));
  });
});

test("a template whose flattened rules would not fit into its status is refused, with the reason", () => {
  const words = (n: number) => Array.from({ length: n }, (_, i) => `${"r".repeat(240)}${i}`);
  const rules = Array.from({ length: 40 }, (_, i) => ({ apiGroups: [`g${i}`], resources: words(100), verbs: ["get"] }));
  const template = { metadata: { name: "t" }, spec: { context: "Cluster" as const, rules } };
  expect(flatten(template, new Map())).toMatchObject({ accepted: false, reason: "TooLarge", message: expect.stringContaining("KiB") });
});

function placesOf({ sets }: Compiled): Map<string, string> {
  return new Map(
    sets.flatMap(({ name, spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => [`${b.template} ${s.name}`, name] as const))),
  );
}
