import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { LABEL, PROJECT_UID_ANNOTATION } from "./names.ts";
import { type CompiledSet, groupsIn, MAX_NAMESPACES, type RenderInput, render } from "./render.ts";
import type { ManagedNamespace } from "./render-namespaces.ts";
import type { FlattenedTemplate } from "./render-rules.ts";
import type { SetSubject } from "./render-subjects.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const CLUSTER_SCOPED = new Set(["/nodes", "/namespaces", "/persistentvolumes", "storage.k8s.io/storageclasses"]);
const pods = { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] };

const template = (name: string, more: Partial<FlattenedTemplate> = {}): FlattenedTemplate => ({
  name,
  context: "Project",
  accepted: true,
  rules: [pods],
  capabilities: [],
  ...more,
});
const user = (name: string, expiresAt?: string): SetSubject => ({
  kind: "User",
  name: `drover:user:${name}`,
  ...(expiresAt ? { expiresAt } : {}),
});
const group = (name: string): SetSubject => ({ kind: "Group", name: `drover:group:corp:${name}` });
const projectSet = (project: string, bindings: CompiledSet["bindings"], more: Partial<CompiledSet> = {}): CompiledSet => ({
  name: `project-${project}`,
  scope: "Project",
  project: { name: project, uid: `uid-${project}` },
  part: 1,
  bindings,
  ...more,
});
const clusterSet = (bindings: CompiledSet["bindings"], more: Partial<CompiledSet> = {}): CompiledSet => ({
  name: "cluster",
  scope: "Cluster",
  part: 1,
  bindings,
  ...more,
});
const namespace = (name: string, project?: string, uid?: string, labels: Record<string, string> = {}): ManagedNamespace => ({
  name,
  labels: { ...labels, ...(project ? { [LABEL.project]: project } : {}) },
  annotations: uid ? { [PROJECT_UID_ANNOTATION]: uid } : {},
  terminating: false,
});
const input = (sets: CompiledSet[], templates: FlattenedTemplate[], namespaces: ManagedNamespace[] = [], now = NOW): RenderInput => ({
  sets,
  templates: new Map(templates.map((t) => [t.name, t])),
  namespaces,
  clusterScoped: CLUSTER_SCOPED,
  clusterRoles: new Set(["view", "edit"]),
  now,
});
const names = (objects: readonly { metadata: { name: string; namespace?: string } }[]) =>
  objects.map(({ metadata }) => (metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name));

describe("render", () => {
  test("binds a project's template in each of its namespaces, and in no other", () => {
    const out = render(
      input(
        [projectSet("web", [{ template: "reader", subjects: [user("alice")] }])],
        [template("reader")],
        [namespace("a", "web", "uid-web"), namespace("b", "other"), namespace("c"), namespace("d", "web")],
      ),
    );
    expect(names(out.roles)).toEqual(["drover:reader"]);
    expect(names(out.bindings)).toEqual(["a/drover:web:reader", "d/drover:web:reader"]);
    expect(out.bindings[0]?.subjects).toEqual([{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "drover:user:alice" }]);
    expect(out.claims).toEqual([{ namespace: "d", uid: "uid-web" }]);
  });

  test("binds an external role only where it exists, and reports where it does not; a set with a missing template waits", () => {
    const sets = [
      projectSet(
        "web",
        ["there", "missing", "unknown", "refused"].map((name) => ({ template: name, subjects: [user("alice")] })),
      ),
    ];
    const templates = [
      template("there", { externalClusterRole: "view" }),
      template("missing", { externalClusterRole: "no-such-role" }),
      template("refused", { accepted: false }),
    ];
    const out = render(input(sets, templates, [namespace("a", "web", "uid-web")]));
    expect(names(out.bindings)).toEqual(["a/drover:web:there"]);
    expect(out.refused).toEqual([
      { object: "AccessSet project-web", message: expect.stringContaining("ClusterRole no-such-role, which does not exist") },
    ]);
    expect(out.waiting).toEqual(["project-web"]);
  });

  test("revokes CreateNamespaces in a project at the limit of namespaces, reports it, and revokes nothing else", () => {
    const sets = [projectSet("web", [{ template: "owner", subjects: [user("olga")] }])];
    const with500 = Array.from({ length: MAX_NAMESPACES }, (_, n) => namespace(`n${n}`, "web", "uid-web"));
    const owner = template("owner", { capabilities: ["CreateNamespaces"] });
    const full = render(input(sets, [owner], with500));
    expect(full.bindings.filter(({ kind }) => kind === "ClusterRoleBinding")).toEqual([]);
    expect(full.bindings).toHaveLength(MAX_NAMESPACES);
    expect(full.refused).toEqual([{ object: "AccessSet project-web", message: expect.stringContaining("project web has 500 namespaces") }]);
    const again = render(input(sets, [owner], with500.slice(1)));
    expect(names(again.bindings)).toContain("drover:web:create-namespaces:owner");
    expect(again.refused).toEqual([]);
  });

  test("gives each part its own binding", () => {
    const part2 = projectSet("web", [{ template: "reader", subjects: [user("bob")] }], { name: "project-web-part-2", part: 2 });
    const out = render(
      input([projectSet("web", [{ template: "reader", subjects: [user("alice")] }]), part2], [template("reader")], [namespace("a", "web")]),
    );
    expect(names(out.bindings)).toEqual(["a/drover:web:reader", "a/drover:web:reader:2"]);
  });

  test("renders no binding without a subject, and no role without a binding", () => {
    const ended = projectSet("web", [{ template: "reader", subjects: [user("alice", "2025-12-31T23:59:59Z")] }]);
    expect(render(input([ended], [template("reader")], [namespace("a", "web")]))).toMatchObject({ roles: [], bindings: [] });
    const elsewhere = projectSet("web", [{ template: "reader", subjects: [user("alice")] }]);
    expect(render(input([elsewhere], [template("reader")]))).toMatchObject({ roles: [], bindings: [] });
  });

  test("leaves out subjects after their end date, and gives the next end date", () => {
    const set = clusterSet([
      {
        template: "view",
        subjects: [user("a", "2026-01-01T00:00:00Z"), user("b", "2026-01-01T00:00:05Z"), user("c", "2027-01-01T00:00:00+01:00"), user("d")],
      },
    ]);
    const out = render(input([set], [template("view", { context: "Cluster" })]));
    expect(out.bindings[0]?.subjects.map((s) => s.name)).toEqual(["drover:user:b", "drover:user:c", "drover:user:d"]);
    expect(out.nextEnd).toBe("2026-01-01T00:00:05.000Z");
  });

  test("gives nothing for a template that is missing or not accepted", () => {
    const set = clusterSet([
      { template: "gone", subjects: [user("a")] },
      { template: "bad", subjects: [user("a")] },
    ]);
    expect(render(input([set], [template("bad", { context: "Cluster", accepted: false })]))).toMatchObject({ roles: [], bindings: [] });
  });

  test("refuses subjects that are not Drover's, and service accounts outside projects", () => {
    const subjects: SetSubject[] = [
      { kind: "User", name: "system:admin" },
      { kind: "Group", name: "system:masters" },
      { kind: "Group", name: "drover:group:corp" },
      { kind: "User", name: "drover:user:" },
      { kind: "ServiceAccount", name: "ci", namespace: "build" },
      { kind: "User", name: "drover:user:x", expiresAt: "soon" },
    ];
    const out = render(input([clusterSet([{ template: "view", subjects }])], [template("view", { context: "Cluster" })]));
    expect(out.bindings).toEqual([]);
    expect(out.refused).toHaveLength(6);
  });

  test("keeps a project template from ever being bound cluster-wide, and a cluster template from a project", () => {
    const out = render(
      input(
        [clusterSet([{ template: "reader", subjects: [user("a")] }]), projectSet("web", [{ template: "view", subjects: [user("a")] }])],
        [template("reader"), template("view", { context: "Cluster" })],
        [namespace("a", "web")],
      ),
    );
    expect(out).toMatchObject({ roles: [], bindings: [] });
    expect(out.refused).toHaveLength(2);
  });

  test("leaves rules on cluster-scoped resources and paths out of a project's role, and reports them", () => {
    const rules = [
      { apiGroups: ["", "storage.k8s.io"], resources: ["pods", "nodes/status", "persistentvolumes"], verbs: ["get"] },
      { apiGroups: ["storage.k8s.io"], resources: ["storageclasses"], verbs: ["get"] },
      { apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
      { apiGroups: ["*"], resources: ["nodes", "*"], verbs: ["get"] },
      { nonResourceURLs: ["/metrics"], verbs: ["get"] },
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    ];
    const out = render(
      input([projectSet("web", [{ template: "reader", subjects: [user("a")] }])], [template("reader", { rules })], [namespace("a", "web")]),
    );
    expect(out.roles[0]?.rules).toEqual([
      { apiGroups: ["", "storage.k8s.io"], resources: ["pods", "nodes/status", "persistentvolumes"], verbs: ["get"] },
      { apiGroups: ["*"], resources: ["nodes", "*"], verbs: ["get"] },
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get"] },
    ]);
    expect(out.skipped).toEqual([
      {
        template: "reader",
        message:
          "rules on cluster-scoped resources give nothing in a project: /metrics, nodes, nodes/status, persistentvolumes, storageclasses",
      },
    ]);
  });

  test("never makes a system or backing namespace part of a project", () => {
    const set = projectSet("web", [{ template: "reader", subjects: [user("a")] }]);
    const never = ["kube-system", "kube-public", "kube-node-lease", "drover-system", "drover-proxies"].map((name) =>
      namespace(name, "web", "uid-web"),
    );
    const backing = [
      namespace("cluster-east", "web", undefined, { [LABEL.backsCluster]: "east" }),
      namespace("project-east--web", "web", undefined, { [LABEL.backsProject]: "web" }),
    ];
    const out = render(input([set], [template("reader")], [...never, ...backing]));
    expect(out).toMatchObject({ roles: [], bindings: [], claims: [] });
    expect(out.refused).toHaveLength(7);
  });

  test("does not let a project that was created again inherit the namespaces of the earlier one", () => {
    const out = render(
      input(
        [projectSet("web", [{ template: "reader", subjects: [user("a")] }])],
        [template("reader")],
        [namespace("a", "web", "uid-of-an-earlier-web")],
      ),
    );
    expect(out).toMatchObject({ bindings: [], claims: [] });
    expect(out.refused[0]?.message).toContain("earlier project");
  });

  test("moves a namespace between two existing projects, and removes the UID from one that left its project", () => {
    const sets = [
      projectSet("web", [{ template: "reader", subjects: [user("a")] }]),
      projectSet("shop", [{ template: "reader", subjects: [user("b")] }]),
    ];
    const out = render(input(sets, [template("reader")], [namespace("a", "shop", "uid-web"), namespace("left", undefined, "uid-web")]));
    expect(names(out.bindings)).toEqual(["a/drover:shop:reader"]);
    expect(out.claims).toEqual([{ namespace: "a", uid: "uid-shop" }, { namespace: "left" }]);
  });

  test("gives the right to create namespaces cluster-wide to exactly the holders of a template with CreateNamespaces", () => {
    const set = projectSet("web", [
      { template: "owner", subjects: [user("a"), { kind: "ServiceAccount", namespace: "ci", name: "deployer" }] },
      { template: "reader", subjects: [user("b")] },
    ]);
    const out = render(input([set], [template("owner", { capabilities: ["CreateNamespaces"] }), template("reader")]));
    expect(out.roles[0]).toMatchObject({
      metadata: { name: "drover:web:create-namespaces" },
      rules: [
        { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
        { nonResourceURLs: ["/drover.dev/projects/web/namespaces"], verbs: ["use"] },
      ],
    });
    expect(names(out.bindings)).toEqual(["drover:web:create-namespaces:owner"]);
    expect(out.bindings[0]?.subjects.map((s) => s.name)).toEqual(["deployer", "drover:user:a"]);
  });

  test("gives Drover's own paths by capabilities only, whatever wildcards the template holds", () => {
    const rules = [
      { nonResourceURLs: ["*", "/drover.dev/claim-namespaces"], verbs: ["*"] },
      { nonResourceURLs: ["/drover*"], verbs: ["use"] },
      { nonResourceURLs: ["/metrics"], verbs: ["*"] },
    ];
    const out = render(
      input(
        [clusterSet([{ template: "view", subjects: [user("a")] }])],
        [template("view", { context: "Cluster", rules, capabilities: ["ClaimNamespaces", "ChangePodSecurity"] })],
      ),
    );
    expect(out.roles[0]?.rules).toEqual([
      { nonResourceURLs: ["*"], verbs: ["get", "head", "post", "put", "patch", "delete", "options"] },
      { nonResourceURLs: ["/metrics"], verbs: ["*"] },
      { nonResourceURLs: ["/drover.dev/claim-namespaces", "/drover.dev/pod-security"], verbs: ["use"] },
    ]);
  });

  test("binds an external ClusterRole without rendering one, but never one of Drover's own", () => {
    const templates = [
      template("ext", { context: "Cluster", rules: [], externalClusterRole: "view" }),
      template("trick", { context: "Cluster", rules: [], externalClusterRole: "drover:impersonator" }),
      template("impersonator", { context: "Cluster" }),
    ];
    const out = render(input([clusterSet(templates.map(({ name }) => ({ template: name, subjects: [user("a")] })))], templates));
    expect(out.roles).toEqual([]);
    expect(out.bindings.map((b) => b.roleRef.name)).toEqual(["view"]);
    expect(out.refused).toHaveLength(2);
  });

  test("names every group of the sets for the impersonator", () => {
    expect(
      groupsIn([
        clusterSet([{ template: "x", subjects: [group("devs"), user("a")] }]),
        projectSet("web", [{ template: "y", subjects: [group("ops"), group("devs")] }]),
      ]),
    ).toEqual(["drover:group:corp:devs", "drover:group:corp:ops"]);
  });
});

describe("render, over random clusters", () => {
  const word = fc.constantFrom("a", "b", "c", "web", "ops");
  const subject = fc.oneof(
    fc.record({ kind: fc.constant<"User">("User"), name: word.map((w) => `drover:user:${w}`) }),
    fc.record({
      kind: fc.constant<"User">("User"),
      name: word.map((w) => `drover:user:${w}`),
      expiresAt: fc.constantFrom("2025-06-01T00:00:00Z", "2026-06-01T00:00:00Z", "never"),
    }),
    fc.record({
      kind: fc.constant<"Group">("Group"),
      name: fc.oneof(
        word.map((w) => `drover:group:corp:${w}`),
        fc.constantFrom("system:masters", "drover:authenticated"),
      ),
    }),
    fc.record({ kind: fc.constant<"ServiceAccount">("ServiceAccount"), name: word, namespace: word }),
  );
  const bindings = fc.array(fc.record({ template: word, subjects: fc.array(subject, { maxLength: 5 }) }), { maxLength: 4 });
  const sets = fc
    .tuple(
      bindings,
      fc.uniqueArray(fc.tuple(word, bindings, fc.integer({ min: 1, max: 2 })), { selector: ([p, , part]) => `${p}/${part}`, maxLength: 5 }),
    )
    .map(([cluster, projects]) => [
      clusterSet(cluster),
      ...projects.map(([p, b, part]) => projectSet(p, b, { name: `project-${p}-${part}`, part })),
    ]);
  const templates = fc.uniqueArray(
    fc.record({
      name: word,
      context: fc.constantFrom<"Cluster" | "Project">("Cluster", "Project"),
      accepted: fc.boolean(),
      rules: fc.array(
        fc.record({ apiGroups: fc.constant(["", "*"]), resources: fc.subarray(["pods", "nodes", "*"]), verbs: fc.constant(["get"]) }),
        { maxLength: 2 },
      ),
      capabilities: fc.subarray(["CreateNamespaces", "ClaimNamespaces", "ManageMembers"]),
    }),
    { selector: (t) => t.name },
  );
  const namespaces = fc.uniqueArray(
    fc
      .record({
        name: fc.oneof(word, fc.constant("kube-system")),
        project: fc.option(word),
        uid: fc.option(
          fc.oneof(
            word.map((w) => `uid-${w}`),
            fc.constant("uid-dead"),
          ),
        ),
      })
      .map(({ name, project, uid }) => namespace(name, project ?? undefined, uid ?? undefined)),
    { selector: (n) => n.name },
  );
  const anything = fc.tuple(sets, templates, namespaces);

  test("rendering twice, in whatever order the parts come, gives the same bytes", () => {
    fc.assert(
      fc.property(anything, ([s, t, n]) => {
        const once = JSON.stringify(render(input(s, t, n)));
        const again = JSON.stringify(render(input([...s].reverse(), [...t].reverse(), [...n].reverse())));
        expect(again).toBe(once);
      }),
    );
  });

  test("nobody gets anything that no set grants them, and nothing outside the project's namespaces", () => {
    fc.assert(
      fc.property(anything, ([s, t, n]) => {
        const out = render(input(s, t, n));
        for (const binding of out.bindings) {
          const at = binding.metadata.namespace;
          const [, first, second] = binding.metadata.name.split(":");
          for (const subject of binding.subjects) {
            const given = s.some((set) =>
              set.bindings.some(
                (b) =>
                  (at === undefined && set.scope === "Cluster"
                    ? b.template === first
                    : set.project?.name === first && (at === undefined || b.template === second)) &&
                  b.subjects.some(
                    (x) => x.name === subject.name && x.kind === subject.kind && (!x.expiresAt || Date.parse(x.expiresAt) > NOW.getTime()),
                  ),
              ),
            );
            expect(given).toBe(true);
            expect(subject.name.startsWith("system:")).toBe(false);
          }
          if (at !== undefined) expect(n.find((x) => x.name === at)?.labels[LABEL.project]).toBe(first);
          expect(at).not.toBe("kube-system");
        }
      }),
    );
  });

  test("each role is bound and each binding's role exists", () => {
    fc.assert(
      fc.property(anything, ([s, t, n]) => {
        const out = render(input(s, t, n));
        expect(new Set(out.bindings.map((b) => b.roleRef.name))).toEqual(new Set(out.roles.map((r) => r.metadata.name)));
        for (const binding of out.bindings) expect(binding.subjects.length).toBeGreaterThan(0);
      }),
    );
  });
});
