// The applier against a real API server: what it skips would have changed nothing, and what apply cannot mend is made anew.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { Cache } from "../kube/cache.ts";
import { KubeClient } from "../kube/client.ts";
import { ClusterRole, ConfigMap, Namespace, ResourceQuota, Role, RoleBinding } from "../kube/core.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import { Applier } from "./applier.ts";
import { isUndrifted } from "./drift.ts";
import { Live } from "./live.ts";
import { readerOf } from "./reader.ts";

// Generous: what is waited for usually takes milliseconds, but a busy machine may take its time.
jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
const namespace = "applier";
const manager = "test-applier";

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});

/** An applier without caches, with a record of the requests it sent. */
function applier(): { applier: Applier; sent: string[] } {
  const sent: string[] = [];
  return { applier: new Applier({ client: admin, fieldManager: manager, onWrite: (_kind, outcome) => sent.push(outcome) }), sent };
}

const role = (name: string, rules: Role["rules"], labels: Record<string, string> = {}): Role => ({
  apiVersion: Role.apiVersion,
  kind: Role.kind,
  metadata: { name, namespace, ...(Object.keys(labels).length > 0 ? { labels } : {}) },
  ...(rules === undefined ? {} : { rules }),
});
const binding = (name: string, roleName: string, users: readonly string[]): RoleBinding => ({
  apiVersion: RoleBinding.apiVersion,
  kind: RoleBinding.kind,
  metadata: { name, namespace },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: roleName },
  subjects: users.map((name) => ({ kind: "User", apiGroup: "rbac.authorization.k8s.io", name })),
});

test("the first apply creates, the same again sends nothing, another one changes", async () => {
  const { applier: one, sent } = applier();
  const outcome = async (users: string[]) => (await one.apply(RoleBinding, binding("b", "view", users))).outcome;
  expect(await outcome(["alice"])).toBe("created");
  expect(await outcome(["alice"])).toBe("unchanged");
  expect(await outcome(["alice", "bob"])).toBe("changed");
  expect(sent).toEqual(["created", "changed"]);
  // So does an applier that has no memory of having sent it.
  const { applier: other, sent: sentByOther } = applier();
  expect((await other.apply(RoleBinding, binding("b", "view", ["alice", "bob"]))).outcome).toBe("unchanged");
  expect(sentByOther).toEqual([]);
});

test("an intent for one version is sent again when only the status has changed since, and refused when anything else has", async () => {
  const quota = (hard: Record<string, string>, version: object = {}) => ({
    ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "onto", namespace, ...version }, spec: { hard } },
  });
  const key = { name: "onto", namespace };
  const seen = await admin.apply(ResourceQuota, quota({ cpu: "1" }), { fieldManager: manager });
  // What a cache that is behind holds: the object as it was.
  const behind = new Live(admin, () => undefined);
  behind.find = async <T extends KubeObject>() => seen as unknown as T;
  const one = new Applier({ client: admin, fieldManager: manager, live: behind });
  const version = { uid: seen.metadata.uid, resourceVersion: seen.metadata.resourceVersion };
  await admin.patch(ResourceQuota, key, { status: { used: { cpu: "0" } } }, { type: "merge", subresource: "status" });
  expect((await one.apply(ResourceQuota, quota({ cpu: "2" }, version))).outcome).toBe("changed");
  expect((await admin.get(ResourceQuota, key)).spec?.hard).toEqual({ cpu: "2" });
  // Now the spec is another one than that which was seen.
  await expect(one.apply(ResourceQuota, quota({ cpu: "3" }, version))).rejects.toMatchObject({ code: 409 });
  expect((await admin.get(ResourceQuota, key)).spec?.hard).toEqual({ cpu: "2" });
});

test("what the server writes differently than it was sent is sent once, and not at every look", async () => {
  const { applier: one, sent } = applier();
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace }, spec: { hard: { cpu: "2000m" } } };
  for (let round = 0; round < 3; round++) await one.apply(ResourceQuota, quota);
  expect((await admin.get(ResourceQuota, { name: "q", namespace })).spec?.hard).toEqual({ cpu: "2" });
  expect(sent).toEqual(["created"]);
});

test("a binding with another roleRef and a role that aggregates others are deleted and made anew", async () => {
  const { applier: one, sent } = applier();
  await admin.create(RoleBinding, binding("squatted", "cluster-admin", ["mallory"]));
  const { object, outcome } = await one.apply(RoleBinding, binding("squatted", "view", ["alice"]));
  expect([outcome, object.roleRef.name, object.subjects?.map(({ name }) => name)]).toEqual(["changed", "view", ["alice"]]);
  const key = { name: "drover:viewer" };
  await admin.create(ClusterRole, {
    apiVersion: ClusterRole.apiVersion,
    kind: ClusterRole.kind,
    metadata: key,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { anything: "goes" } }] },
  });
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  await one.apply(ClusterRole, { apiVersion: ClusterRole.apiVersion, kind: ClusterRole.kind, metadata: key, rules } as ClusterRole);
  const live = await admin.get(ClusterRole, key);
  expect(live.rules).toEqual(rules);
  expect(live.aggregationRule).toBeUndefined();
  expect(sent).toEqual(["recreated", "changed", "recreated", "changed"]);
});

test("an aggregationRule that somebody added to a role of ours goes, although nothing of the intent has drifted", async () => {
  const { applier: one, sent } = applier();
  const key = { name: "drover:aggregated-later" };
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  const intent = { apiVersion: ClusterRole.apiVersion, kind: ClusterRole.kind, metadata: key, rules } as ClusterRole;
  await one.apply(ClusterRole, intent);
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { anything: "goes" } }] };
  await admin.patch(ClusterRole, key, { aggregationRule }, { type: "merge" });
  await one.apply(ClusterRole, intent);
  const live = await admin.get(ClusterRole, key);
  expect([live.rules, live.aggregationRule]).toEqual([rules, undefined]);
  expect(sent).toEqual(["created", "recreated", "changed"]);
});

test("what was written a moment ago counts, though the watched cache has not seen it yet: it is not written again, and it is read", async () => {
  const stop = new AbortController();
  const cache = new Cache(admin, Role, { namespace, indexes: { label: (object) => Object.values(object.metadata.labels ?? {}) } });
  cache.start(stop.signal);
  await cache.synced;
  // From here on this cache hears nothing any more.
  stop.abort();
  const cacheOf = <T extends KubeObject>(): Cache<T> => cache as unknown as Cache<T>;
  const live = new Live(admin, cacheOf);
  const sent: string[] = [];
  const onWrite = (_kind: string, outcome: string) => sent.push(outcome);
  const intent = role("early", [], { team: "red" });
  // Two reconcilers of one process share what they know; neither has the other's memory.
  for (const fieldManager of [manager, manager]) {
    const one = new Applier({ client: admin, fieldManager, cacheOf, live, onWrite });
    await one.apply(Role, intent);
  }
  expect(sent).toEqual(["created"]);
  const read = readerOf(
    () => ({ cacheOf, live }),
    () => [],
  );
  expect(read.get(Role, "early", namespace).is).toBe("present");
  const names = (where?: { namespace?: string; index?: readonly [string, string] }) =>
    read.list(Role, where).map(({ metadata }) => metadata.name);
  expect(names()).toContain("early");
  expect(names({ namespace: "elsewhere" })).not.toContain("early");
  expect(names({ index: ["label", "red"] })).toEqual(["early"]);
  expect(names({ index: ["label", "blue"] })).toEqual([]);
});

test("a removal means the very object that was meant, happens once, and is content when nothing is there", async () => {
  const { applier: one, sent } = applier();
  const { object } = await one.apply(Role, role("r", []));
  const uid = object.metadata.uid ?? "";
  expect((await one.remove(Role, { name: "r", namespace, uid: "another" })).outcome).toBe("unchanged");
  await admin.patch(Role, { name: "r", namespace }, { metadata: { finalizers: ["test.drover.dev/wait"] } }, { type: "merge" });
  expect((await one.remove(Role, { name: "r", namespace, uid })).outcome).toBe("changed");
  expect((await one.remove(Role, { name: "r", namespace, uid })).outcome).toBe("unchanged");
  await admin.patch(Role, { name: "r", namespace }, { metadata: { finalizers: [] } }, { type: "merge" });
  expect((await one.remove(Role, { name: "r", namespace, uid })).outcome).toBe("unchanged");
  expect(sent).toEqual(["created", "deleted"]);
});

test("what was applied and changed by others is drift; a new intent is not, nor is what an earlier process left as it is assumed", async () => {
  const { applier: one } = applier();
  const key = { name: "drift", namespace };
  const labels = { "test.drover.dev/ours": "yes" };
  const intent = role(key.name, [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }], labels);
  const wider = role(key.name, [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }], labels);
  const corrected = async (by: Applier, what: Role) => (await by.apply(Role, what)).corrected;
  expect([await corrected(one, intent), await corrected(one, wider), await corrected(one, intent)]).toEqual([false, false, false]);
  await admin.patch(Role, key, { rules: [] }, { type: "merge" });
  expect(await corrected(one, intent)).toBe(true);
  await admin.delete(Role, key);
  expect(await corrected(one, intent)).toBe(true);
  await admin.patch(Role, key, { rules: [] }, { type: "merge" });
  const { applier: later } = applier();
  later.assume(intent);
  expect(later.applied).toMatchObject([key]);
  expect(await corrected(later, intent)).toBe(true);
  // Without our labels it is somebody else's object in the place of ours, though nothing was applied there before.
  await admin.delete(Role, key);
  await admin.create(Role, role(key.name, []));
  expect(await corrected(applier().applier, intent)).toBe(true);
});

test("what somebody's finalizer keeps while it is being deleted grants nothing any more", async () => {
  const key = { name: "kept", namespace };
  const { applier: one, sent } = applier();
  await one.apply(RoleBinding, binding(key.name, "view", ["alice"]));
  await admin.patch(RoleBinding, key, { metadata: { finalizers: ["test.drover.dev/keep"] } }, { type: "merge" });
  expect((await one.remove(RoleBinding, key)).outcome).toBe("changed");
  const kept = await admin.get(RoleBinding, key);
  expect([kept.metadata.deletionTimestamp === undefined, kept.subjects ?? []]).toEqual([false, []]);
  expect(sent).toEqual(["created", "changed", "deleted"]);
  expect(one.applied).toEqual([]);
  await admin.patch(RoleBinding, key, { metadata: { finalizers: [] } }, { type: "merge" });
});

test("whatever we and others wrote before: an intent that is skipped would have changed nothing, and after an apply it is skipped", async () => {
  const label = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2"), { maxKeys: 3, noNullPrototype: true });
  const rule = fc.record(
    {
      apiGroups: fc.constant([""]),
      resources: fc.subarray(["pods", "secrets"], { minLength: 1 }),
      resourceNames: fc.subarray(["x", "y"], { minLength: 1 }),
      verbs: fc.subarray(["get", "list"], { minLength: 1 }),
    },
    { requiredKeys: ["apiGroups", "resources", "verbs"], noNullPrototype: true },
  );
  const intent = fc.oneof(
    fc.record({
      kind: fc.constant(Role as Kind<KubeObject>),
      labels: label,
      content: fc.array(rule, { maxLength: 2 }).map((rules) => ({ rules })),
    }),
    fc.record({
      kind: fc.constant(ConfigMap as Kind<KubeObject>),
      labels: label,
      content: label.map((data) => (Object.keys(data).length > 0 ? { data } : {})),
    }),
  );
  const step = fc.record({ who: fc.constantFrom("we", "foreign apply", "foreign patch"), intent });
  let number = 0;
  let skipped = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), fc.boolean(), async (steps, isRole) => {
      const kind = (isRole ? Role : ConfigMap) as Kind<KubeObject>;
      const name = `drift-${number++}`;
      const objectOf = ({ labels, content }: { labels: Record<string, string>; content: object }): KubeObject =>
        ({
          apiVersion: kind.apiVersion,
          kind: kind.kind,
          metadata: { name, namespace, ...(Object.keys(labels).length > 0 ? { labels } : {}) },
          ...content,
        }) as KubeObject;
      const fitting = steps.filter((one) => one.intent.kind === kind);
      let live: KubeObject | undefined;
      for (const { who, intent: wanted } of fitting) {
        const object = objectOf(wanted);
        if (who === "foreign apply") live = await admin.apply(kind, object, { fieldManager: "foreign" });
        else if (who === "foreign patch" && live !== undefined)
          live = await admin.patch(
            kind,
            { name, namespace },
            { metadata: { labels: wanted.labels }, ...wanted.content },
            { type: "merge", fieldManager: "kubectl-edit" },
          );
        else live = await admin.apply(kind, object, { fieldManager: manager });
        const skip = isUndrifted(object, live, manager);
        const after = await admin.apply(kind, object, { fieldManager: manager });
        if (skip) {
          skipped++;
          expect(after.metadata.resourceVersion).toBe(live.metadata.resourceVersion);
        }
        expect({ object, undrifted: isUndrifted(object, after, manager), after }).toMatchObject({ undrifted: true });
        live = after;
      }
    }),
    { numRuns: 120 },
  );
  expect(skipped).toBeGreaterThan(20);
});
