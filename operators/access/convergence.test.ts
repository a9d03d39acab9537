// All reconcilers of the operator together, their passes in random order, with people's edits in between: in the end the sets are what
// compiling everything at once gives, every binding says whether it counts, and another round changes nothing.
import { expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { ClusterRoleTemplateBinding } from "../../crds/v1alpha1/clusterroletemplatebinding.ts";
import { GlobalRole } from "../../crds/v1alpha1/globalrole.ts";
import { GlobalRoleBinding } from "../../crds/v1alpha1/globalrolebinding.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "../../crds/v1alpha1/projectroletemplatebinding.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { type Key, type Kind, type KubeObject, keyOf } from "../../lib/kube/object.ts";
import { InMemoryWorld } from "../../test/in-memory-world.ts";
import { cacheOptions, reconcilersWith } from "./reconcilers.ts";

jest.setTimeout(60_000);

const NOW = new Date("2026-06-01T00:00:00Z");
type Edit = { readonly put: KubeObject } | { readonly remove: { readonly apiVersion: string; readonly kind: string }; readonly key: Key };

const object = (kind: Kind<KubeObject>, name: string, spec: object, metadata: object = {}, status?: object): KubeObject =>
  ({ apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, ...metadata }, spec, ...(status && { status }) }) as KubeObject;
const alice = { kind: "User", name: "alice" };
const devs = { kind: "Group", provider: "corp", name: "devs" };
const ours = { namespaceUID: "n" };
const template = (name: string, context: string, inherits: string[] = []) =>
  object(ClusterRoleTemplate, name, {
    displayName: name,
    context,
    rules: [{ apiGroups: [""], resources: [name], verbs: ["get"] }],
    capabilities: [],
    inherits,
  });

const DOCUMENTS: readonly KubeObject[] = [
  object(Cluster, "east", { import: {} }, { labels: { env: "prod" } }, ours),
  object(Cluster, "west", { import: {} }, {}, ours),
  object(Project, "web", {}, { namespace: "cluster-east" }, ours),
  object(User, "alice", { enabled: true }),
  object(AuthProvider, "corp", { local: {} }),
  template("base", "Project"),
  template("reader", "Project", ["base"]),
  template("viewer", "Cluster"),
  object(GlobalRole, "prod", { displayName: "x", grants: [{ template: "viewer", clusterSelector: { matchLabels: { env: "prod" } } }] }),
  object(GlobalRoleBinding, "g", { globalRole: "prod", subject: devs }),
  object(ClusterRoleTemplateBinding, "c", { template: "viewer", subject: alice }, { namespace: "cluster-west" }),
  object(ProjectRoleTemplateBinding, "p", { template: "reader", subject: alice }, { namespace: "project-east--web" }),
  object(ProjectRoleTemplateBinding, "stray", { template: "reader", subject: alice }, { namespace: "project-west--web" }),
];

const COMPLETE = [
  "cluster-east/cluster viewer drover:group:corp:devs",
  "cluster-east/project-web reader drover:user:alice",
  "cluster-west/cluster viewer drover:user:alice",
];

function emptyWorld() {
  return new InMemoryWorld({
    reconcilers: reconcilersWith(() => ({ state: "Enforced", message: "", gaps: [] })),
    cacheOptions,
    now: () => NOW,
  });
}

const grantsIn = (world: InMemoryWorld): string[] =>
  world
    .list(AccessSet)
    .flatMap(({ metadata, spec }) =>
      spec.bindings.flatMap((b) => b.subjects.map((s) => `${metadata.namespace}/${metadata.name} ${b.template} ${s.name}`)),
    )
    .sort();

/** Sets and templates without their history, members and conditions: what must not depend on how it came about. */
function outcome(world: InMemoryWorld): string {
  const sets = world
    .list(AccessSet)
    .map(({ metadata, spec: { epoch: _, history: __, ...content } }) => [metadata.namespace, metadata.name, content]);
  const members = world.list(ClusterMembers).map(({ metadata, spec }) => [metadata.namespace, spec]);
  const evaluated = [
    ClusterRoleTemplateBinding,
    ProjectRoleTemplateBinding,
    GlobalRoleBinding,
    GlobalRole,
    ClusterRoleTemplate,
  ] as readonly Kind<KubeObject>[];
  const statuses = evaluated.flatMap((kind) =>
    world.list(kind).map((one) => {
      const { history: _, ...status } = (one as { status?: { history?: unknown } }).status ?? {};
      return [kind.kind, one.metadata.name, status];
    }),
  );
  return JSON.stringify([sets, members, statuses]);
}

const shuffledBy = (numbers: readonly number[]) => {
  let at = 0;
  const next = () => numbers[at++ % numbers.length] ?? 0;
  return <T>(list: readonly T[]): readonly T[] =>
    list
      .map((value, i) => [next() * 31 + i * 17, value] as const)
      .sort(([a], [b]) => (a % 101) - (b % 101))
      .map(([, value]) => value);
};
const orders = fc.array(fc.nat(1000), { minLength: 7, maxLength: 40 }).map(shuffledBy);

test("in the order of the file it ends in the right grants after two rounds", async () => {
  const world = emptyWorld();
  for (const document of DOCUMENTS) world.put(document);
  expect(await world.settle((list) => list)).toBeLessThanOrEqual(2);
  expect(grantsIn(world)).toEqual(COMPLETE);
  const stray = world.find(ProjectRoleTemplateBinding, { name: "stray", namespace: "project-west--web" });
  expect(stray?.status?.conditions).toMatchObject([
    { type: "Accepted", status: "False", reason: "ScopeNotFound" },
    { type: "Ready", status: "False", reason: "ScopeNotFound", message: "there is no Project web of cluster west" },
  ]);
});

test("in any order, with passes between the documents, it ends the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...DOCUMENTS], { minLength: DOCUMENTS.length }), orders, async (documents, order) => {
      const straight = emptyWorld();
      for (const document of DOCUMENTS) straight.put(document);
      await straight.settle((list) => list);
      const world = emptyWorld();
      for (const document of documents) {
        world.put(document);
        await world.settle(order);
      }
      expect(outcome(world)).toBe(outcome(straight));
      expect(grantsIn(world)).toEqual(COMPLETE);
    }),
    { numRuns: 20 },
  );
});

test("after any edits and deletions, seen at any moment, it ends as if only the last state had ever been", async () => {
  const disabled = object(User, "alice", { enabled: false });
  const cyclic = template("base", "Project", ["reader"]);
  const relabelled = object(Cluster, "east", { import: {} }, { labels: { env: "test" } }, ours);
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    fc.constantFrom(...DOCUMENTS, disabled, cyclic, relabelled).map((put) => ({ put })),
    fc.constantFrom(...DOCUMENTS).map((document) => ({ remove: document, key: keyOf(document) })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(edit, fc.boolean()), { maxLength: 12 }), orders, async (edits, order) => {
      const world = emptyWorld();
      const last = new Map<string, KubeObject>();
      for (const document of DOCUMENTS) {
        world.put(document);
        last.set(`${document.kind}/${document.metadata.namespace}/${document.metadata.name}`, document);
      }
      await world.settle(order);
      for (const [step, look] of edits) {
        const document = "put" in step ? step.put : { ...step.remove, metadata: step.key };
        const id = `${document.kind}/${document.metadata.namespace}/${document.metadata.name}`;
        if ("put" in step) {
          world.put(step.put);
          last.set(id, step.put);
        } else {
          world.remove(step.remove, step.key);
          last.delete(id);
        }
        if (look) await world.settle(order);
      }
      await world.settle(order);
      const straight = emptyWorld();
      for (const document of last.values()) straight.put(document);
      await straight.settle((list) => list);
      // A cluster that is gone takes its sets with its namespace, which nobody plays here.
      const gone = ["east", "west"].filter((name) => !world.find(Cluster, { name }));
      expect(grantsIn(world).filter((grant) => !gone.some((name) => grant.startsWith(`cluster-${name}/`)))).toEqual(grantsIn(straight));
    }),
    { numRuns: 40 },
  );
});
