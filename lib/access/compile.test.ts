import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type BindingSource,
  evaluateBinding,
  factsOf,
  type GlobalBindingSource,
  type GlobalRoleSource,
  type UserSource,
} from "./compile-binding.ts";
import { type Compiled, type CompileInput, compileCluster } from "./compile-cluster.ts";
import type { TemplateSource } from "./flatten.ts";

const NOW = new Date("2026-06-01T12:00:00Z");
/** No previous sets. */
const FIRST = { epoch: NOW.getTime(), history: [expect.stringMatching(`^${NOW.getTime()}-[0-9a-f]{8}$`)] };

interface World {
  readonly labels?: Record<string, string>;
  readonly deleting?: boolean;
  readonly users?: readonly UserSource[];
  readonly providers?: readonly string[];
  readonly templates?: readonly TemplateSource[];
  readonly globalRoles?: readonly GlobalRoleSource[];
  readonly globalBindings?: readonly GlobalBindingSource[];
  readonly clusterBindings?: readonly BindingSource[];
  readonly projects?: CompileInput["projects"];
  readonly projectBindings?: readonly BindingSource[];
  readonly previous?: CompileInput["previous"];
  readonly mayGrant?: boolean;
  readonly now?: Date;
}

function inputOf(world: World): CompileInput {
  const find =
    <T extends { readonly metadata: { readonly name: string } }>(list: readonly T[] = []) =>
    (name: string) =>
      list.find((o) => o.metadata.name === name);
  const providers = (world.providers ?? ["corp"]).map((name) => ({ metadata: { name } }));
  const sources = {
    user: find(world.users),
    provider: find(providers),
    template: find(world.templates),
    globalRole: find(world.globalRoles),
    gaps: [],
  };
  return {
    cluster: { metadata: { name: "east", labels: world.labels ?? {}, ...(world.deleting && { deletionTimestamp: NOW.toISOString() }) } },
    facts: factsOf(sources, world.now ?? NOW),
    globalBindings: world.globalBindings ?? [],
    clusterBindings: world.clusterBindings ?? [],
    projects: world.projects ?? [],
    projectBindings: world.projectBindings ?? [],
    previous: world.previous ?? [],
    mayGrant: world.mayGrant ?? true,
  };
}
const compile = (world: World): Compiled => compileCluster(inputOf(world));
const asPrevious = ({ sets }: Compiled): CompileInput["previous"] => sets.map(({ name, spec }) => ({ metadata: { name }, spec }));

const user = (name: string, enabled = true): UserSource => ({ metadata: { name }, spec: { enabled } });
const template = (name: string, context: "Cluster" | "Project", spec: Partial<TemplateSource["spec"]> = {}): TemplateSource => ({
  metadata: { name },
  spec: { context, ...spec },
});
const project = (name: string, uid = `uid-${name}`): CompileInput["projects"][number] => ({
  metadata: { name, namespace: "cluster-east", uid },
  spec: {},
  status: { namespaceUID: "ns" },
});
type Subject = BindingSource["spec"]["subject"];
const alice: Subject = { kind: "User", name: "alice" };
const bob: Subject = { kind: "User", name: "bob" };
const devs: Subject = { kind: "Group", provider: "corp", name: "developers" };
const binding = (namespace: string, name: string, to: string, subject: Subject, expiresAt?: string): BindingSource => ({
  metadata: { name, namespace },
  spec: { template: to, subject, ...(expiresAt && { expiresAt }) },
});

const BASE: World = {
  labels: { env: "prod" },
  users: [user("alice"), user("bob"), user("root")],
  templates: [template("reader", "Project"), template("viewer", "Cluster"), template("owner", "Cluster"), template("other", "Cluster")],
  projects: [project("web")],
};
const specOf = (compiled: Compiled, name: string) => compiled.sets.find((set) => set.name === name)?.spec;

describe("compiling a cluster", () => {
  test("gives the set of the cluster, one for each project, and writes the index last", () => {
    const compiled = compile({
      ...BASE,
      clusterBindings: [binding("cluster-east", "b1", "viewer", devs)],
      projectBindings: [binding("project-east--web", "b2", "reader", alice), binding("project-east--web", "b3", "reader", bob)],
    });
    expect(compiled.sets.map(({ name }) => name)).toEqual(["project-web", "cluster"]);
    expect(specOf(compiled, "cluster")).toEqual({
      scope: "Cluster",
      ...FIRST,
      part: 1,
      parts: 1,
      bindings: [{ template: "viewer", subjects: [{ kind: "Group", name: "drover:group:corp:developers" }] }],
      index: { sets: ["cluster", "project-web"] },
    });
    expect(specOf(compiled, "project-web")).toEqual({
      scope: "Project",
      project: { name: "web", uid: "uid-web" },
      ...FIRST,
      part: 1,
      parts: 1,
      bindings: [
        {
          template: "reader",
          subjects: [
            { kind: "User", name: "drover:user:alice" },
            { kind: "User", name: "drover:user:bob" },
          ],
        },
      ],
    });
    expect(compiled.members).toEqual({ users: ["alice", "bob"], groups: ["drover:group:corp:developers"], everyone: false });
  });

  test("without any binding there is still a set with an index, and nobody is a member", () => {
    const compiled = compile({});
    expect(compiled.sets).toEqual([
      { name: "cluster", spec: { scope: "Cluster", ...FIRST, part: 1, parts: 1, bindings: [], index: { sets: ["cluster"] } } },
    ]);
    expect(compiled.members).toEqual({ users: [], groups: [], everyone: false });
  });

  test("global roles reach the clusters that their selectors choose", () => {
    const globalRoles = [
      {
        metadata: { name: "prod" },
        spec: {
          grants: [
            { template: "viewer", clusterSelector: { matchLabels: { env: "prod" } } },
            { template: "owner", clusterSelector: { matchLabels: { env: "test" } } },
          ],
        },
      },
    ];
    const globalBindings = [{ metadata: { name: "g" }, spec: { globalRole: "prod", subject: alice } }];
    expect(specOf(compile({ ...BASE, globalRoles, globalBindings }), "cluster")?.bindings.map((b) => b.template)).toEqual(["viewer"]);
    expect(
      specOf(compile({ ...BASE, labels: { env: "test" }, globalRoles, globalBindings }), "cluster")?.bindings.map((b) => b.template),
    ).toEqual(["owner"]);
    expect(specOf(compile({ ...BASE, labels: {}, globalRoles, globalBindings }), "cluster")?.bindings).toEqual([]);
  });

  test("a global role with one missing template still grants the others", () => {
    const globalRoles = [
      {
        metadata: { name: "r" },
        spec: {
          grants: [
            { template: "gone", clusterSelector: {} },
            { template: "viewer", clusterSelector: {} },
          ],
        },
      },
    ];
    const globalBindings = [{ metadata: { name: "g" }, spec: { globalRole: "r", subject: alice } }];
    expect(specOf(compile({ ...BASE, globalRoles, globalBindings }), "cluster")?.bindings.map((b) => b.template)).toEqual(["viewer"]);
  });

  test("bindings in a project namespace that the operator has not taken over grant nothing", () => {
    const prepared = { ...project("web"), status: {} };
    const compiled = compile({ ...BASE, projects: [prepared], projectBindings: [binding("project-east--web", "b", "reader", alice)] });
    expect(specOf(compiled, "project-web")?.bindings).toEqual([]);
  });

  test("bindings of another cluster's project of the same name give nothing here", () => {
    const compiled = compile({ ...BASE, projectBindings: [binding("project-west--web", "b", "reader", alice)] });
    expect(compiled.members.users).toEqual([]);
  });

  test("a project that is being deleted has no set, and the index does not list it", () => {
    const going = { ...project("web"), metadata: { ...project("web").metadata, deletionTimestamp: NOW.toISOString() } };
    const compiled = compile({ ...BASE, projects: [going], projectBindings: [binding("project-east--web", "b", "reader", alice)] });
    expect(compiled.sets.map(({ name }) => name)).toEqual(["cluster"]);
    expect(compiled.members.users).toEqual([]);
  });

  test("for a cluster that is being deleted, only the order to tear down is compiled", () => {
    const compiled = compile({ ...BASE, deleting: true, clusterBindings: [binding("cluster-east", "b", "viewer", alice)] });
    expect(compiled.sets.map(({ name, spec }) => [name, spec.bindings, spec.index])).toEqual([
      ["cluster", [], { sets: ["cluster"], teardown: true }],
    ]);
    expect(compiled.members).toEqual({ users: [], groups: [], everyone: false });
  });

  test("of two end dates of the same grant the later counts, and the next end date of all grants is when to compile again", () => {
    const compiled = compile({
      ...BASE,
      clusterBindings: [
        binding("cluster-east", "a", "viewer", alice, "2026-07-01T00:00:00Z"),
        binding("cluster-east", "b", "viewer", alice, "2026-08-01T00:00:00Z"),
        binding("cluster-east", "c", "viewer", bob, "2026-09-01T00:00:00Z"),
        binding("cluster-east", "d", "viewer", bob),
      ],
    });
    expect(specOf(compiled, "cluster")?.bindings[0]?.subjects).toEqual([
      { kind: "User", name: "drover:user:alice", expiresAt: "2026-08-01T00:00:00.000Z" },
      { kind: "User", name: "drover:user:bob" },
    ]);
    expect(compiled.nextEnd).toBe("2026-08-01T00:00:00.000Z");
  });

  test("of more users than a template may have in one namespace, the oldest bindings count", () => {
    const many = Array.from({ length: 2001 }, (_, i) => user(`u${String(i).padStart(4, "0")}`));
    const bindings = many.map(({ metadata: { name } }, i) => {
      const made = binding("cluster-east", `b-${name}`, "viewer", { kind: "User", name });
      return { ...made, metadata: { ...made.metadata, creationTimestamp: i === 0 ? "2026-01-02T00:00:00Z" : "2026-01-01T00:00:00Z" } };
    });
    const compiled = compile({ ...BASE, users: many, clusterBindings: bindings });
    expect(compiled.members.users).toHaveLength(2000);
    expect(compiled.members.users).not.toContain("u0000");
  });
});

describe("a binding grants nothing", () => {
  const evaluated = (b: BindingSource, context: "Cluster" | "Project", world: World = BASE) =>
    evaluateBinding(b, context, inputOf(world).facts);
  const inCluster = (to: string, subject: Subject, expiresAt?: string) => binding("cluster-east", "b", to, subject, expiresAt);

  test.each<[string, string, BindingSource, "Cluster" | "Project", World]>([
    ["when its template does not exist", "TemplateNotFound", inCluster("gone", alice), "Cluster", BASE],
    ["when its template is for the other context", "ContextMismatch", inCluster("reader", alice), "Cluster", BASE],
    [
      "when its template is not accepted",
      "TemplateNotAccepted",
      inCluster("loop", alice),
      "Cluster",
      { ...BASE, templates: [template("loop", "Cluster", { inherits: ["loop"] })] },
    ],
    ["when its user does not exist", "SubjectNotFound", inCluster("viewer", { kind: "User", name: "nobody" }), "Cluster", BASE],
    ["when its user is disabled", "SubjectDisabled", inCluster("viewer", alice), "Cluster", { ...BASE, users: [user("alice", false)] }],
    ["when its group's provider does not exist", "ProviderNotFound", inCluster("viewer", devs), "Cluster", { ...BASE, providers: [] }],
    [
      "when its group's name has a space outside",
      "GroupNameRefused",
      inCluster("viewer", { ...devs, name: "developers " }),
      "Cluster",
      BASE,
    ],
    ["when it has ended, at that very moment too", "Expired", inCluster("viewer", alice, NOW.toISOString()), "Cluster", BASE],
    ["when its end is no date", "Expired", inCluster("viewer", alice, "whenever"), "Cluster", BASE],
    [
      "to a service account in a cluster",
      "SubjectNotAllowed",
      inCluster("viewer", { kind: "ServiceAccount", namespace: "a", name: "b" }),
      "Cluster",
      BASE,
    ],
    [
      "to a service account of Drover's own",
      "SubjectNotAllowed",
      inCluster("reader", { kind: "ServiceAccount", namespace: "drover-system", name: "agent" }),
      "Project",
      BASE,
    ],
    [
      "to a service account of Kubernetes' own",
      "SubjectNotAllowed",
      inCluster("reader", { kind: "ServiceAccount", namespace: "kube-system", name: "x" }),
      "Project",
      BASE,
    ],
  ])("%s", (_, reason, b, context, world) => {
    expect(evaluated(b, context, world)).toMatchObject({ accepted: false, reason });
  });

  test("a moment before its end it still grants", () => {
    expect(evaluated(inCluster("viewer", alice, "2026-06-01T12:00:00.001Z"), "Cluster")).toMatchObject({ accepted: true });
  });

  test("group names that differ in spaces, case, form or encoding are different groups, or none", () => {
    const names = ["developers", "Developers", "d\u00e9v", "de\u0301v", "d%C3%A9v", "a b", "a%20b", "a+b", "a:b"];
    const encoded = names.map((name) => evaluated(inCluster("viewer", { ...devs, name }), "Cluster"));
    const subjects = encoded.map((j) => (j.accepted ? j.subject.name : ""));
    expect(new Set(subjects).size).toBe(names.length);
    for (const subject of subjects) expect(subject).toMatch(/^drover:group:corp:[A-Za-z0-9._%-]+$/);
  });
});

describe("while the hub's guards are not in force", () => {
  const withBob = {
    ...BASE,
    clusterBindings: [binding("cluster-east", "a", "viewer", alice), binding("cluster-east", "b", "viewer", bob)],
  };
  const before = asPrevious(compile({ ...BASE, clusterBindings: [binding("cluster-east", "a", "viewer", alice, "2026-07-01T00:00:00Z")] }));

  test("existing grants stay until their end date, and nothing new is granted", () => {
    const compiled = compile({ ...withBob, previous: before, mayGrant: false });
    expect(specOf(compiled, "cluster")?.bindings).toEqual([
      { template: "viewer", subjects: [{ kind: "User", name: "drover:user:alice", expiresAt: "2026-07-01T00:00:00.000Z" }] },
    ]);
    expect(compiled.withheld).toBe(1);
    expect(compiled.members.users).toEqual(["alice"]);
  });

  test("revocations still take effect", () => {
    expect(compile({ ...BASE, previous: before, mayGrant: false }).members.users).toEqual([]);
    expect(compile({ ...withBob, previous: before, mayGrant: false, now: new Date("2026-07-01T00:00:00Z") }).members.users).toEqual([]);
  });

  test("a project created again under the same name does not keep the grants of the earlier one", () => {
    const projectBindings = [binding("project-east--web", "b", "reader", alice)];
    const old = asPrevious(compile({ ...BASE, projectBindings }));
    expect(compile({ ...BASE, projectBindings, previous: old, mayGrant: false }).members.users).toEqual(["alice"]);
    expect(
      compile({ ...BASE, projects: [project("web", "another")], projectBindings, previous: old, mayGrant: false }).members.users,
    ).toEqual([]);
  });
});

describe("epochs and parts", () => {
  const crowd = (n: number) => Array.from({ length: n }, (_, i) => user(`u${String(i).padStart(5, "0")}`));
  const bound = (users: readonly UserSource[]) =>
    users.map(({ metadata: { name } }, i) =>
      binding("cluster-east", `b-${name}`, ["viewer", "owner", "other"][i % 3] ?? "", { kind: "User", name }),
    );

  test("the epoch stays while the content stays, and grows past the old one even when the clock goes back", () => {
    const first = compile({ ...BASE, clusterBindings: [binding("cluster-east", "a", "viewer", alice)] });
    const later = compile({
      ...BASE,
      clusterBindings: [binding("cluster-east", "a", "viewer", alice)],
      previous: asPrevious(first),
      now: new Date("2026-06-02T00:00:00Z"),
    });
    expect(later.sets).toEqual(first.sets);
    const back = compile({ ...BASE, previous: asPrevious(first), now: new Date("2020-01-01T00:00:00Z") });
    expect(specOf(back, "cluster")?.epoch).toBe(NOW.getTime() + 1);
    expect(specOf(back, "project-web")?.epoch).toBe(NOW.getTime());
    expect(specOf(back, "cluster")?.history.slice(0, -1)).toEqual(specOf(first, "cluster")?.history);
  });

  test("a set read back with its fields in another order is the same content", () => {
    const first = compile({ ...BASE, clusterBindings: [binding("cluster-east", "a", "viewer", devs, "2030-01-01T00:00:00Z")] });
    const shuffled = asPrevious(first).map(({ metadata, spec }) => ({ metadata, spec: turned(spec) as typeof spec }));
    expect(
      compile({
        ...BASE,
        clusterBindings: [binding("cluster-east", "a", "viewer", devs, "2030-01-01T00:00:00Z")],
        previous: shuffled,
        now: new Date("2027-01-01"),
      }).sets,
    ).toEqual(first.sets);
  });

  test("4,001 subjects are three parts that name each other, and all of them are listed", () => {
    const users = crowd(4001);
    const compiled = compile({ ...BASE, users, clusterBindings: bound(users), projects: [] });
    expect(compiled.sets.map(({ name, spec }) => [name, spec.part, spec.parts])).toEqual([
      ["cluster--part-2", 2, 3],
      ["cluster--part-3", 3, 3],
      ["cluster", 1, 3],
    ]);
    expect(specOf(compiled, "cluster")?.index?.sets).toEqual(["cluster", "cluster--part-2", "cluster--part-3"]);
    expect(compiled.members.users).toHaveLength(4001);
  });

  test("adding or removing a subject changes one part, and no other subject moves", () => {
    const users = crowd(4001);
    const all = bound(users);
    const first = compile({ ...BASE, users, clusterBindings: all.slice(1), projects: [] });
    const joined = compile({
      ...BASE,
      users,
      clusterBindings: all,
      projects: [],
      previous: asPrevious(first),
      now: new Date("2026-06-02"),
    });
    const without = all.filter((b) => b.metadata.name !== "b-u00007");
    const left = compile({
      ...BASE,
      users,
      clusterBindings: without,
      projects: [],
      previous: asPrevious(joined),
      now: new Date("2026-06-03"),
    });
    expect(changed(first, joined)).toEqual(["cluster", "cluster--part-2", "cluster--part-3"]);
    expect(changed(joined, left)).toHaveLength(1);
  });

  test("the parts do not depend on the order in which thousands of bindings are read", () => {
    const users = crowd(4001);
    const world = { ...BASE, users, projects: [] };
    const forward = compile({ ...world, clusterBindings: bound(users) });
    expect(compile({ ...world, clusterBindings: [...bound(users)].reverse() }).sets).toEqual(forward.sets);
  });

  test("templates and subjects are sorted, also when they came one after the other", () => {
    const early = [binding("cluster-east", "a", "viewer", bob)];
    const first = compile({ ...BASE, clusterBindings: early });
    const late = [...early, binding("cluster-east", "b", "owner", bob), binding("cluster-east", "c", "viewer", alice)];
    const { bindings = [] } = specOf(compile({ ...BASE, clusterBindings: late, previous: asPrevious(first) }), "cluster") ?? {};
    expect(bindings.map(({ template: to, subjects }) => [to, subjects.map(({ name }) => name)])).toEqual([
      ["owner", ["drover:user:bob"]],
      ["viewer", ["drover:user:alice", "drover:user:bob"]],
    ]);
  });

  test("the set of a project called like a part of another one is not that part", () => {
    const projects = [project("web"), project("web-part-2")];
    const names = compile({ ...BASE, projects }).sets.map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
  });
});

describe("for any input", () => {
  const who = fc.oneof(
    fc.record({ kind: fc.constant("User" as const), name: fc.constantFrom("alice", "bob", "carol", "nobody") }),
    fc.record({ kind: fc.constant("Group" as const), provider: fc.constantFrom("corp", "gone"), name: fc.constantFrom("devs", " x", "y") }),
  );
  const end = fc.option(fc.constantFrom("2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z", "2026-06-02T00:00:00Z", "2030-01-01T00:00:00Z"), {
    nil: undefined,
  });
  const bindings = (namespaces: string[]) =>
    fc
      .array(fc.tuple(fc.constantFrom(...namespaces), fc.constantFrom("reader", "viewer", "loop", "gone"), who, end), { maxLength: 12 })
      .map((list) => list.map(([namespace, to, subject, expiresAt], i) => binding(namespace, `b${i}`, to, subject, expiresAt)));
  const worlds = fc.record({
    labels: fc.constantFrom({}, { env: "prod" }),
    users: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()).map(([a, b, c]) => [user("alice", a), user("bob", b), user("carol", c)]),
    templates: fc.constant([
      template("reader", "Project"),
      template("viewer", "Cluster"),
      template("loop", "Project", { inherits: ["loop"] }),
    ]),
    globalRoles: fc.constant([
      { metadata: { name: "prod" }, spec: { grants: [{ template: "viewer", clusterSelector: { matchLabels: { env: "prod" } } }] } },
    ]),
    globalBindings: fc.array(fc.tuple(fc.constantFrom("prod", "gone"), who, end), { maxLength: 4 }).map((list) =>
      list.map(([globalRole, subject, expiresAt], i) => ({
        metadata: { name: `g${i}` },
        spec: { globalRole, subject, ...(expiresAt && { expiresAt }) },
      })),
    ),
    clusterBindings: bindings(["cluster-east"]),
    projects: fc.subarray([project("web"), project("api"), { ...project("raw"), status: {} }]),
    projectBindings: bindings(["project-east--web", "project-east--api", "project-east--raw", "project-west--web"]),
    mayGrant: fc.boolean(),
  });

  test("the order in which it is read does not matter, and compiling twice gives the same bytes", () => {
    fc.assert(
      fc.property(worlds, worlds, (before, world) => {
        const previous = asPrevious(compile({ ...before, mayGrant: true }));
        const lists = {
          clusterBindings: [...world.clusterBindings].reverse(),
          projectBindings: [...world.projectBindings].reverse(),
          projects: [...world.projects].reverse(),
        };
        const other = {
          ...world,
          ...lists,
          globalBindings: [...world.globalBindings].reverse(),
          users: [...world.users].reverse(),
          previous: [...previous].reverse(),
        };
        const bytes = JSON.stringify(compile({ ...world, previous }));
        expect(JSON.stringify(compile({ ...world, previous }))).toBe(bytes);
        expect(JSON.stringify(compile(other))).toBe(bytes);
      }),
    );
  });

  test("nobody is granted anything without an accepted binding, while disabled, or after the end date", () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { facts } = inputOf(world);
        const compiled = compile(world);
        for (const { spec } of compiled.sets) {
          for (const { template: to, subjects } of spec.bindings) {
            for (const subject of subjects) {
              const name = subject.name.replace(/^drover:(user|group:corp):/, "");
              const sources = [
                ...(spec.scope === "Cluster"
                  ? world.clusterBindings
                  : world.projectBindings.filter((b) => b.metadata.namespace === `project-east--${spec.project?.name}`)),
                ...(spec.scope === "Cluster" && world.labels.env === "prod" && to === "viewer"
                  ? world.globalBindings
                      .filter((g) => g.spec.globalRole === "prod")
                      .map((g) => binding("", g.metadata.name, "viewer", g.spec.subject, g.spec.expiresAt))
                  : []),
              ];
              const why = sources.filter(
                (b) =>
                  b.spec.template === to &&
                  b.spec.subject.name === name &&
                  evaluateBinding(b, spec.scope === "Cluster" ? "Cluster" : "Project", facts).accepted,
              );
              expect(why).not.toEqual([]);
              expect(world.users.some((u) => u.spec.enabled === false && subject.name === `drover:user:${u.metadata.name}`)).toBe(false);
              expect(subject.expiresAt === undefined || Date.parse(subject.expiresAt) > NOW.getTime()).toBe(true);
            }
          }
        }
      }),
    );
  });

  test("compiling again from its own result changes no epoch, and members are exactly those in the sets", () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const first = compile({ ...world, mayGrant: true });
        const again = compile({ ...world, previous: asPrevious(first), now: new Date(NOW.getTime() + 1000) });
        expect(again.sets).toEqual(first.sets);
        const named = first.sets.flatMap(({ spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => s.name)));
        const members = [...first.members.users.map((u) => `drover:user:${u}`), ...first.members.groups];
        expect(members.sort()).toEqual([...new Set(named)].sort());
        expect([...(first.sets.at(-1)?.spec.index?.sets ?? [])]).toEqual(first.sets.map(({ name }) => name).sort());
      }),
    );
  });

  test("while nothing may be granted, nobody has a grant that they did not have before", () => {
    fc.assert(
      fc.property(worlds, worlds, (before, after) => {
        const first = compile({ ...before, mayGrant: true });
        const held = grantsIn(compile({ ...after, previous: asPrevious(first), mayGrant: false }));
        const had = grantsIn(first);
        for (const grant of held) expect(had).toContain(grant);
      }),
    );
  });
});

function grantsIn({ sets }: Compiled): string[] {
  return sets.flatMap(({ spec }) =>
    spec.bindings.flatMap((b) => b.subjects.map((s) => `${spec.project?.uid ?? ""} ${b.template} ${s.name}`)),
  );
}

function changed(before: Compiled, after: Compiled): string[] {
  return after.sets
    .filter(({ name, spec }) => JSON.stringify(specOf(before, name)) !== JSON.stringify(spec))
    .map(({ name }) => name)
    .sort();
}

function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([k, v]) => [k, turned(v)]),
  );
}
