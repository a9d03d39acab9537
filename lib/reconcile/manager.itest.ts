// The manager against a real API server: one small kind, whose subject wants a ConfigMap and a RoleBinding.
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { Registry } from "prom-client";
import { auditedWrites } from "../../test/audit.ts";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { until } from "../../test/until.ts";
import { Widget, widgetDefinition } from "../../test/widget.ts";
import { ApiError, type Fence, KubeClient } from "../kube/client.ts";
import { ConfigMap, CustomResourceDefinition, Event, Namespace, ResourceQuota, RoleBinding } from "../kube/core.ts";
import { type Log, silent } from "../kube/log.ts";
import type { Condition, Kind, KubeObject } from "../kube/object.ts";
import { type Effect, type Plan, type Reading, type Reconciler, SINGLETON, watchAll } from "./contract.ts";
import { type ManagerOptions, type RunningManager, startReconcilers } from "./manager.ts";
import { Shared } from "./shared.ts";

// Generous: what is waited for usually takes milliseconds, but a busy machine may take its time.
jest.setTimeout(120_000);

interface Ring extends Effect {
  readonly type: "ring";
}
interface Observed {
  readonly config: Reading<ConfigMap>;
}

let plane: TestControlPlane;
let admin: KubeClient;
let namespace: string;
let count = 0;
let stop: AbortController;
let running: RunningManager[];

beforeAll(async () => {
  plane = await startControlPlane();
  admin = new KubeClient(plane.adminConnection());
  await admin.create(CustomResourceDefinition, widgetDefinition);
  await until(async () => (await admin.list(Widget)).items.length === 0, "widgets are served");
}, 900_000);
afterAll(async () => {
  await admin?.close();
  await plane?.stop();
});
beforeEach(async () => {
  namespace = `manager-${++count}`;
  stop = new AbortController();
  running = [];
  await admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
});
afterEach(async () => {
  stop.abort();
  await Promise.all(running.map(({ done }) => done));
});

const widget = (name: string, spec: Widget["spec"] = {}): Widget => ({
  apiVersion: Widget.apiVersion,
  kind: Widget.kind,
  metadata: { name, namespace },
  spec,
});

function plan(subject: Widget, { config }: Observed): Plan<{ seen: number }> {
  const { name, deletionTimestamp } = subject.metadata;
  const ref = { apiVersion: "v1", kind: "ConfigMap", name, namespace };
  if (deletionTimestamp !== undefined) {
    return config.is === "absent" ? { conditions: [], finalizer: "release" } : { remove: [ref], conditions: [], finalizer: "hold" };
  }
  const { size = 1, role = "view", ring = false } = subject.spec ?? {};
  const found = config.is === "present";
  return {
    apply: [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { size: String(size) } } as ConfigMap,
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "RoleBinding",
        metadata: { name, namespace },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
        subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "alice" }],
      } as RoleBinding,
    ],
    effects: ring ? [{ type: "ring", subject: ref }] : [],
    conditions: [{ type: "Ready", status: found ? "True" : "False", reason: found ? "Ready" : "Creating", message: "" }],
    status: { seen: size },
    finalizer: "hold",
  };
}

const widgetConfig: Reconciler<Widget, Observed, { seen: number }> = {
  name: "widget-config",
  subject: Widget,
  watches: [],
  owns: { conditions: ["Ready"], kinds: [ConfigMap, RoleBinding] },
  permissions: [],
  observe: async (subject, read) => ({ config: read.get(ConfigMap, subject.metadata.name, subject.metadata.namespace) }),
  plan,
};

/** A running manager of this test's namespace. */
function start(reconciler: Reconciler<Widget, Observed, { seen: number }> = widgetConfig, more: Partial<ManagerOptions> = {}): Registry {
  const metrics = new Registry();
  const within = (kind: Kind<KubeObject>) => [kind, { namespace }] as const;
  const cacheOptions = new Map([within(Widget), within(ConfigMap), within(RoleBinding), within(ResourceQuota)]);
  running.push(
    startReconcilers({
      source: admin,
      reconcilers: [reconciler],
      log: silent,
      metrics,
      signal: stop.signal,
      cacheOptions,
      ...more,
    }),
  );
  return metrics;
}

const condition = async (name: string): Promise<Condition | undefined> =>
  (await admin.get(Widget, { name, namespace })).status?.conditions?.find(({ type }) => type === "Ready");
const ready = (name: string) => until(async () => (await condition(name))?.status === "True", `${name} is Ready`);

/** The writes in this test's namespace, as "verb resource[/subresource] name". */
const writes = (): string[] => auditedWrites(plane, namespace);

test("a subject gets its finalizer before anything else, then its objects, its status and an event", async () => {
  start();
  await admin.create(Widget, widget("w", { size: 3 }));
  await ready("w");
  const live = await admin.get(Widget, { name: "w", namespace });
  expect(live.metadata.finalizers).toEqual(["drover.dev/widget-config"]);
  expect(live.status).toMatchObject({ seen: 3, conditions: [{ type: "Ready", status: "True", reason: "Ready", observedGeneration: 1 }] });
  expect((await admin.get(ConfigMap, { name: "w", namespace })).data).toEqual({ size: "3" });
  const told = await admin.list(Event, { namespace });
  expect(told.items.map(({ reason, type }) => `${type} ${reason}`).sort()).toEqual(["Normal Ready", "Warning Creating"]);
  await until(() => writes().some((line) => line.startsWith("create events")), "the audit log is written");
  expect(
    writes()
      .filter((line) => !line.includes("events"))
      .slice(0, 5),
  ).toEqual(["create widgets w", "patch widgets w", "patch configmaps w", "patch rolebindings w", "patch widgets/status w"]);
});

test("a second manager over settled subjects, and a change that means nothing, write nothing at all", async () => {
  start();
  const names = Array.from({ length: 20 }, (_, index) => `w${index}`);
  await Promise.all(names.map((name) => admin.create(Widget, widget(name))));
  await Promise.all(names.map(ready));
  await settled();
  const before = writes();
  // Labels of the subject enqueue it.
  await Promise.all(
    names.map((name) => admin.patch(Widget, { name, namespace }, { metadata: { labels: { touched: "yes" } } }, { type: "merge" })),
  );
  const second = start({ ...widgetConfig });
  await until(async () => (await passes(second)) >= names.length, "the second manager has looked at all");
  await settled();
  const added = writes().slice(before.length);
  expect(added.filter((line) => !line.startsWith("patch widgets "))).toEqual([]);
  expect(added).toHaveLength(names.length);
});

test("drift of values, of ownership and of existence is corrected without a declared watch", async () => {
  start();
  await admin.create(Widget, widget("w", { size: 3 }));
  await ready("w");
  const key = { name: "w", namespace };
  await admin.patch(ConfigMap, key, { data: { size: "9", more: "foreign" } }, { type: "merge" });
  await until(async () => (await admin.get(ConfigMap, key)).data?.size === "3", "the value is corrected");
  expect((await admin.get(ConfigMap, key)).data).toEqual({ size: "3", more: "foreign" });
  await admin.delete(ConfigMap, key);
  await until(async () => (await admin.find(ConfigMap, key)) !== undefined, "the object is made anew");
  await admin.delete(RoleBinding, key);
  await admin
    .create(RoleBinding, {
      apiVersion: RoleBinding.apiVersion,
      kind: RoleBinding.kind,
      metadata: key,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "squatter" },
    })
    .catch(() => {});
  await until(async () => {
    const binding = await admin.find(RoleBinding, key);
    return binding?.roleRef.name === "view" && binding.subjects?.[0]?.name === "alice";
  }, "the binding points at the right role again");
});

test("another roleRef is made by deleting and making anew", async () => {
  start();
  await admin.create(Widget, widget("w"));
  await ready("w");
  await admin.patch(Widget, { name: "w", namespace }, { spec: { role: "edit" } }, { type: "merge" });
  await until(async () => (await admin.find(RoleBinding, { name: "w", namespace }))?.roleRef.name === "edit", "the new role is bound");
});

test("a field that leaves the intent leaves the object", async () => {
  const withNote: typeof widgetConfig = {
    ...widgetConfig,
    plan: (subject, observed) => {
      const { apply = [], ...rest } = plan(subject, observed);
      const note = subject.spec?.size === 1 ? { note: "small" } : {};
      return {
        ...rest,
        apply: apply.map((object) =>
          object.kind === "ConfigMap" ? ({ ...object, data: { ...(object as ConfigMap).data, ...note } } as ConfigMap) : object,
        ),
      };
    },
  };
  start(withNote);
  await admin.create(Widget, widget("w", { size: 1 }));
  const key = { name: "w", namespace };
  await until(async () => (await admin.find(ConfigMap, key))?.data?.note === "small", "the note is there");
  await admin.patch(Widget, key, { spec: { size: 2 } }, { type: "merge" });
  await until(async () => (await admin.find(ConfigMap, key))?.data?.size === "2", "the size is new");
  expect((await admin.get(ConfigMap, key)).data).toEqual({ size: "2" });
});

test("a deleted subject goes when what it made is gone, and not before", async () => {
  start();
  await admin.create(Widget, widget("w"));
  await ready("w");
  const key = { name: "w", namespace };
  // Somebody else's finalizer keeps the ConfigMap for a while.
  await admin.patch(ConfigMap, key, { metadata: { finalizers: ["test.drover.dev/wait"] } }, { type: "merge" });
  await admin.delete(Widget, key);
  await until(async () => (await admin.get(ConfigMap, key)).metadata.deletionTimestamp !== undefined, "the ConfigMap is going");
  await settled();
  expect((await admin.get(Widget, key)).metadata.finalizers).toEqual(["drover.dev/widget-config"]);
  await admin.patch(ConfigMap, key, { metadata: { finalizers: [] } }, { type: "merge" });
  await until(async () => (await admin.find(Widget, key)) === undefined, "the widget is gone");
  expect(await admin.find(ConfigMap, key)).toBeUndefined();
});

test("reconcilers that hold the same subjects, and somebody else who does, are in nobody's way, at the beginning and at the end", async () => {
  const only = (name: string): typeof widgetConfig => ({
    ...widgetConfig,
    name,
    owns: { conditions: [name], kinds: [] },
    observe: async () => ({ config: { is: "absent" } }),
    plan: ({ metadata }) => ({
      conditions: [{ type: name, status: "True", reason: "Ready", message: "" }],
      finalizer: metadata.deletionTimestamp === undefined ? "hold" : "release",
    }),
  });
  const holders = ["widget-a", "widget-b", "widget-c", "widget-d"];
  const metrics = start(widgetConfig, { reconcilers: holders.map(only) as unknown as ManagerOptions["reconcilers"] });
  const names = Array.from({ length: 10 }, (_, index) => `w${index}`);
  const foreign = "test.drover.dev/foreign";
  await Promise.all(
    names.map((name) => admin.create(Widget, { ...widget(name), metadata: { ...widget(name).metadata, finalizers: [foreign] } })),
  );
  const held = async (): Promise<(readonly string[])[]> =>
    (await admin.list(Widget, { namespace })).items.map(({ metadata }) => [...(metadata.finalizers ?? [])].sort());
  const wanted = [...holders.map((name) => `drover.dev/${name}`), foreign];
  await until(async () => (await held()).every((list) => list.length === wanted.length), "all hold all");
  expect(await held()).toEqual(names.map(() => wanted));
  await Promise.all(names.map((name) => admin.delete(Widget, { name, namespace })));
  await until(async () => (await held()).every((list) => list.length === 1), "only the other one holds");
  expect(await held()).toEqual(names.map(() => [foreign]));
  await Promise.all(names.map((name) => admin.patch(Widget, { name, namespace }, { metadata: { finalizers: [] } }, { type: "merge" })));
  await until(async () => (await held()).length === 0, "all are gone");
  expect(await passes(metrics, "failed")).toBe(0);
});

test("a subject that begins to go before it is held has nothing made for it", async () => {
  const { log, told } = listening();
  const looked = Promise.withResolvers<void>();
  const deleted = Promise.withResolvers<void>();
  start(
    {
      ...widgetConfig,
      observe: async (subject, read, signal) => {
        const observed = await widgetConfig.observe(subject, read, signal);
        looked.resolve();
        await deleted.promise;
        return observed;
      },
    },
    { log },
  );
  const key = { name: "w", namespace };
  await admin.create(Widget, { ...widget("w"), metadata: { ...widget("w").metadata, finalizers: ["test.drover.dev/foreign"] } });
  await looked.promise;
  await admin.delete(Widget, key);
  deleted.resolve();
  await until(() => writes().includes("patch widgets w"), "it was to be held");
  await settled();
  expect((await admin.get(Widget, key)).metadata.finalizers).toEqual(["test.drover.dev/foreign"]);
  expect(await admin.find(ConfigMap, key)).toBeUndefined();
  expect(writes()).toEqual(["create widgets w", "delete widgets w", "patch widgets w"]);
  expect(told).toEqual([]);
  await admin.patch(Widget, key, { metadata: { finalizers: [] } }, { type: "merge" });
});

test("a conflict that passes is told nobody, one that stays is", async () => {
  const { log, told } = listening();
  let conflicts = 2;
  const conflict = (): never => {
    throw new ApiError(409, "Conflict", "the object has been modified");
  };
  start(
    {
      ...widgetConfig,
      observe: async (subject, read, signal) => (conflicts-- > 0 ? conflict() : await widgetConfig.observe(subject, read, signal)),
    },
    { log },
  );
  await admin.create(Widget, widget("w"));
  await ready("w");
  expect(told).toEqual([]);
  conflicts = Number.POSITIVE_INFINITY;
  await admin.patch(Widget, { name: "w", namespace }, { spec: { size: 2 } }, { type: "merge" });
  await until(() => told.length > 0, "it is told");
  expect(told[0]).toMatch(/^reconciling failed .*the object has been modified/);
});

test("an object that the server refuses keeps no other write from being done, and the condition names each that failed", async () => {
  const config = (name: string, key = "size"): ConfigMap => ({
    ...({} as ConfigMap),
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace },
    data: { [key]: "1" },
  });
  const many: typeof widgetConfig = {
    ...widgetConfig,
    plan: (subject, observed) => ({
      ...plan(subject, observed),
      apply: [config("refused-first", "no such key!"), config("taken"), config("refused-last", "nor this one!"), config("w")],
      remove: [{ apiVersion: "v1", kind: "ConfigMap", name: "withdrawn", namespace }],
    }),
  };
  await admin.create(ConfigMap, config("withdrawn"));
  start(many);
  await admin.create(Widget, widget("w", { ring: true }));
  await until(async () => (await condition("w"))?.reason === "ReconcileFailed", "the failure shows");
  expect((await condition("w"))?.message).toMatch(/refused-first.*refused-last/);
  expect(await admin.find(ConfigMap, { name: "withdrawn", namespace })).toBeUndefined();
  expect(await admin.find(ConfigMap, { name: "taken", namespace })).toBeDefined();
  expect(await admin.find(ConfigMap, { name: "w", namespace })).toBeDefined();
  const order = writes().filter((line) => / configmaps (withdrawn|refused|taken)/.test(line));
  expect(order.slice(0, 3)).toEqual(["create configmaps withdrawn", "delete configmaps withdrawn", "patch configmaps refused-first"]);
});

test("status is written when applying is refused: what would be True is Unknown, and the generation does not count as observed", async () => {
  start();
  await admin.create(Widget, widget("w"));
  await ready("w");
  const key = { name: "w", namespace };
  const before = await condition("w");
  // A name that RBAC refuses.
  await admin.patch(Widget, key, { spec: { role: "no/such" } }, { type: "merge" });
  await until(async () => (await condition("w"))?.reason === "ReconcileFailed", "the failure shows");
  const failed = await condition("w");
  expect(failed).toMatchObject({ status: "Unknown", observedGeneration: before?.observedGeneration });
  expect(failed?.message).toContain("no/such");
  await admin.patch(Widget, key, { spec: { role: "view" } }, { type: "merge" });
  await ready("w");
  expect((await condition("w"))?.observedGeneration).toBe(3);
});

test("that no event can be written in a namespace that is going is not worth a word", async () => {
  const { log, told } = listening();
  start(widgetConfig, { log });
  await admin.create(Widget, widget("w"));
  await ready("w");
  const key = { name: "w", namespace };
  const reason = async (wanted: string) => until(async () => (await condition("w"))?.reason === wanted, `the reason is ${wanted}`);
  const events = (): number => writes().filter((line) => line.startsWith("create events")).length;
  await until(() => events() > 0, "the first events");
  await settled();
  const before = events();
  // No controller empties it: it stays as it is, and going.
  await admin.delete(Namespace, { name: namespace });
  await admin.patch(Widget, key, { spec: { role: "no/such" } }, { type: "merge" });
  await reason("ReconcileFailed");
  await until(() => events() > before, "an event was tried");
  await settled();
  expect(told.filter((line) => line.startsWith("event not written"))).toEqual([]);
});

test("an observation that throws shows in every owned condition, and other status fields stay", async () => {
  let broken = false;
  start({
    ...widgetConfig,
    observe: async (subject, read, signal) => {
      if (broken) throw new Error("the lookout fell asleep");
      return await widgetConfig.observe(subject, read, signal);
    },
  });
  await admin.create(Widget, widget("w", { size: 5 }));
  await ready("w");
  broken = true;
  await admin.patch(Widget, { name: "w", namespace }, { metadata: { labels: { touched: "yes" } } }, { type: "merge" });
  await until(async () => (await condition("w"))?.reason === "ReconcileFailed", "the failure shows");
  expect((await condition("w"))?.message).toContain("the lookout fell asleep");
  expect((await admin.get(Widget, { name: "w", namespace })).status?.seen).toBe(5);
});

test("one key is never worked on twice at once, while different keys are", async () => {
  const active = new Map<string, number>();
  let worst = 0;
  let together = 0;
  const passes = new Map<string, number>();
  start({
    ...widgetConfig,
    observe: async (subject, read, signal) => {
      const { name } = subject.metadata;
      active.set(name, (active.get(name) ?? 0) + 1);
      passes.set(name, (passes.get(name) ?? 0) + 1);
      worst = Math.max(worst, active.get(name) ?? 0);
      together = Math.max(together, active.size);
      await admin.get(Namespace, { name: namespace });
      const observed = await widgetConfig.observe(subject, read, signal);
      if (active.get(name) === 1) active.delete(name);
      else active.set(name, (active.get(name) ?? 1) - 1);
      return observed;
    },
  });
  const names = ["a", "b", "c", "d"];
  await Promise.all(names.map((name) => admin.create(Widget, widget(name))));
  for (let round = 2; round < 30; round++) {
    await Promise.all(names.map((name) => admin.patch(Widget, { name, namespace }, { spec: { size: round } }, { type: "merge" })));
  }
  for (const name of names)
    await until(async () => (await admin.find(ConfigMap, { name, namespace }))?.data?.size === "29", `${name} has its last size`);
  expect(worst).toBe(1);
  expect(together).toBeGreaterThan(1);
  expect(passes.get("a")).toBeGreaterThan(2);
});

test("a plan that counts on from what it wrote last counts each change once", async () => {
  // Each new size counts on from the counter that the last pass wrote; a pass that saw the past would count from there.
  const counting: Reconciler<Widget, { readonly all: readonly ConfigMap[] }, never> = {
    ...widgetConfig,
    observe: async (_subject, read) => ({ all: read.list(ConfigMap, { namespace }) }),
    plan: ({ metadata: { name }, spec }, { all }) => {
      const found = all.find(({ metadata }) => metadata.name === name)?.data;
      const size = String(spec?.size);
      const counter = String(Number(found?.counter ?? 0) + (found?.size === size ? 0 : 1));
      const intent = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace }, data: { size, counter } } as ConfigMap;
      return { apply: [intent], conditions: [{ type: "Ready", status: "True", reason: "Ready", message: counter }], finalizer: "hold" };
    },
  };
  start(counting as unknown as typeof widgetConfig);
  const names = ["a", "b", "c", "d", "e"];
  await Promise.all(names.map((name) => admin.create(Widget, widget(name, { size: 1 }))));
  const counters = async () => (await admin.list(ConfigMap, { namespace })).items.map(({ data }) => data?.counter).filter(Boolean);
  for (let size = 1; size <= 12; size++) {
    // The first size is there from the beginning: with it this waits until all have been counted once.
    await Promise.all(names.map((name) => admin.patch(Widget, { name, namespace }, { spec: { size } }, { type: "merge" })));
    await until(
      async () => (await counters()).every((counter) => counter === String(size)) && (await counters()).length === names.length,
      `all count ${size}`,
    );
  }
  expect(await counters()).toEqual(names.map(() => "12"));
});

test("enqueueAll works on every subject once more, though no object changed", async () => {
  const passes = new Map<string, number>();
  const nothing = <T extends KubeObject>(kind: Kind<T>) => ({ kind, of: () => null });
  start({
    ...widgetConfig,
    // Only what comes and goes enqueues a subject by itself, which is soon over.
    predicates: [nothing(Widget), nothing(ConfigMap), nothing(RoleBinding)],
    observe: (subject, read, signal) => {
      passes.set(subject.metadata.name, (passes.get(subject.metadata.name) ?? 0) + 1);
      return widgetConfig.observe(subject, read, signal);
    },
  });
  const names = ["a", "b"];
  await Promise.all(names.map((name) => admin.create(Widget, widget(name))));
  for (const name of names) await ready(name);
  for (let round = 0; round < 10; round++) {
    const before = new Map(passes);
    running[0]?.enqueueAll();
    for (const name of names) await until(async () => (passes.get(name) ?? 0) > (before.get(name) ?? 0), `${name} was worked on again`);
  }
});

/** A user who may do nothing but this, as a client of its own. */
async function userWith(name: string, rules: readonly object[]): Promise<KubeClient> {
  const user = `${namespace}-${name}`;
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await admin.request("POST", `${rbac}/clusterroles`, { body: { metadata: { name: user }, rules } });
  await admin.request("POST", `${rbac}/clusterrolebindings`, {
    body: {
      metadata: { name: user },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: user },
      subjects: [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }],
    },
  });
  return new KubeClient({ server: plane.server, ca: plane.ca, ...plane.clientCertificate(user, []) });
}

const LISTED = ["get", "list", "watch"];
const sides = async (): Promise<{ source: KubeClient; target: KubeClient }> => ({
  source: await userWith("source", [
    { apiGroups: ["test.drover.dev"], resources: ["widgets"], verbs: LISTED },
    { apiGroups: ["test.drover.dev"], resources: ["widgets/status"], verbs: ["patch"] },
  ]),
  target: await userWith("target", [
    { apiGroups: [""], resources: ["configmaps"], verbs: [...LISTED, "create", "patch", "delete"] },
    { apiGroups: [""], resources: ["resourcequotas"], verbs: [...LISTED, "patch"] },
  ]),
});

test("subjects are at the source, owned objects at the target; at a source for status only nothing else is written, and others' conditions stay", async () => {
  const { source, target } = await sides();
  const reflecting: typeof widgetConfig = {
    ...widgetConfig,
    owns: { conditions: ["Ready"], kinds: [ConfigMap] },
    plan: (subject, observed) => {
      const { apply = [], status, conditions } = plan(subject, observed);
      return { apply: apply.slice(0, 1), conditions, status: status ?? { seen: 0 }, finalizer: "none" };
    },
  };
  await admin.create(Widget, widget("w", { size: 3 }));
  const other = { type: "Other", status: "True", reason: "Other", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" };
  await admin.patch(Widget, { name: "w", namespace }, { status: { conditions: [other] } }, { type: "merge", subresource: "status" });
  const { log, told } = listening();
  start(reflecting, { source, target, statusOnly: true, log });
  await ready("w");
  const live = await admin.get(Widget, { name: "w", namespace });
  expect(live.metadata.finalizers).toBeUndefined();
  expect(live.status).toMatchObject({ seen: 3, conditions: [{ type: "Other" }, { type: "Ready", observedGeneration: 1 }] });
  await admin.delete(ConfigMap, { name: "w", namespace });
  await until(async () => (await admin.find(ConfigMap, { name: "w", namespace })) !== undefined, "drift at the target is corrected");
  expect((await admin.list(Event, { namespace })).items).toEqual([]);
  expect(told).toEqual([]);
  await Promise.all([source.close(), target.close()]);
});

test("a singleton has one pass for all: changes at both sides and triggers enqueue it, it patches, reports what is refused, and its own writes do not enqueue it", async () => {
  const { source, target } = await sides();
  const setting = new Shared("a");
  const refused: string[] = [];
  const observedSizes: string[] = [];
  const whole: Reconciler<KubeObject, { sizes: readonly number[]; assumed: readonly string[] }, { sizes: string }> = {
    name: "widgets-sum",
    subject: SINGLETON,
    watches: [watchAll(Widget as Kind<KubeObject>), watchAll(ResourceQuota as Kind<KubeObject>, { side: "target" })],
    triggers: [setting],
    owns: {
      conditions: [],
      kinds: [ConfigMap],
      patches: [{ kind: ResourceQuota, side: "target" }],
      writesAtOnce: 4,
      ignoresOwnWrites: true,
      reportsRefusals: true,
    },
    permissions: [],
    assumed: () => [{ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "left", namespace } }],
    observe: async (_one, read) => ({
      sizes: read.list(Widget).map(({ spec }) => spec?.size ?? 0),
      assumed: read.applied().map(({ name }) => name),
    }),
    plan: (_one, { sizes, assumed }) => ({
      remove: assumed.filter((name) => name === "left").map((name) => ({ apiVersion: "v1", kind: "ConfigMap", name, namespace })),
      apply: ["sum", "Not A Name"].map(
        (name) =>
          ({
            apiVersion: "v1",
            kind: "ConfigMap",
            metadata: { name, namespace },
            data: { sizes: sizes.join(), setting: setting.value },
          }) as ConfigMap,
      ),
      patches: [
        {
          object: { apiVersion: "v1", kind: "ResourceQuota", name: "q", namespace },
          patch: { metadata: { annotations: { sizes: sizes.join() } } },
        },
      ],
      conditions: [],
      status: { sizes: sizes.join() },
      finalizer: "none",
    }),
    written: ({ status }, results) => {
      observedSizes.push(status?.sizes ?? "");
      refused.splice(0, refused.length, ...results.filter(({ error }) => error !== undefined).map(({ object }) => object.name));
      return undefined;
    },
  };
  await admin.create(ResourceQuota, { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace }, spec: { hard: {} } });
  await admin.create(ConfigMap, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "left", namespace } });
  const metrics = start(whole as unknown as typeof widgetConfig, { source, target, statusOnly: true });
  const data = async () => (await admin.find(ConfigMap, { name: "sum", namespace }))?.data;
  await until(async () => (await data())?.sizes === "", "it works with no subject at all");
  expect(await admin.find(ConfigMap, { name: "left", namespace })).toBeUndefined();
  expect(refused).toEqual(["Not A Name"]);
  await admin.create(Widget, widget("w", { size: 3 }));
  await until(async () => (await data())?.sizes === "3", "a change at the source is followed");
  setting.set("b");
  await until(async () => (await data())?.setting === "b", "a trigger is followed");
  await admin.delete(ConfigMap, { name: "sum", namespace });
  await until(async () => (await data())?.setting === "b", "drift at the target is corrected");
  await settled();
  const before = await passes(metrics);
  for (const value of ["c", "d", "e", "f", "g"]) {
    setting.set(value);
    await until(async () => (await data())?.setting === value, "the trigger is followed");
  }
  await settled();
  expect((await passes(metrics)) - before).toBe(5);
  const quota = await admin.get(ResourceQuota, { name: "q", namespace });
  expect(quota.metadata.annotations).toEqual({ sizes: "3" });
  await Promise.all([source.close(), target.close()]);
});

test("effects run through the table, and an effect without an executor is a failure", async () => {
  const rung: string[] = [];
  const ring = async (effect: Ring): Promise<void> => {
    rung.push(effect.subject.name);
  };
  start(widgetConfig, { effects: { ring } });
  await admin.create(Widget, widget("w", { ring: true }));
  await ready("w");
  expect(rung).toContain("w");
  stop.abort();
  await Promise.all(running.map(({ done }) => done));
  stop = new AbortController();
  start(widgetConfig);
  await until(async () => (await condition("w"))?.message === "no executor for effect ring", "the failure shows");
});

test("no write leaves the process while the fence is closed, and all of it follows when it opens", async () => {
  let open = false;
  const fence: Fence = { mayWrite: () => open, remainingMs: () => (open ? 10_000 : 0) };
  const metrics = start(widgetConfig, { fence });
  await admin.create(Widget, widget("w"));
  await until(async () => (await passes(metrics, "fenced")) > 1, "passes end at the fence");
  expect(writes()).toEqual(["create widgets w"]);
  open = true;
  await ready("w");
});

test("a kind that may not be listed is unreadable, not absent: nothing is removed and the condition says why", async () => {
  const client = new KubeClient({ server: plane.server, ca: plane.ca, ...plane.clientCertificate("blind", []) });
  await admin.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {
    body: {
      metadata: { name: namespace },
      rules: [{ apiGroups: ["test.drover.dev"], resources: ["widgets", "widgets/status"], verbs: ["get", "list", "watch", "patch"] }],
    },
  });
  await admin.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    body: {
      metadata: { name: namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: namespace },
      subjects: [{ kind: "User", name: "blind", apiGroup: "rbac.authorization.k8s.io" }],
    },
  });
  const careful: typeof widgetConfig = {
    ...widgetConfig,
    plan: (subject, observed) =>
      observed.config.is === "unreadable"
        ? { conditions: [{ type: "Ready", status: "Unknown", reason: "Unreadable", message: observed.config.because }], finalizer: "none" }
        : plan(subject, observed),
  };
  start(careful, { source: client, syncMs: 500 });
  await admin.create(Widget, widget("w"));
  await until(async () => (await condition("w"))?.reason === "Unreadable", "the condition says so");
  expect((await condition("w"))?.message).toContain("configmaps");
  expect(running[0]?.check()).toContain("configmaps");
  await client.close();
});

/** A log, and what a person would read in it. */
function listening(): { log: Log; told: string[] } {
  const told: string[] = [];
  const tell = (message: string, fields?: object): unknown => told.push(`${message} ${JSON.stringify(fields)}`);
  return { log: { ...silent, warn: tell, error: tell }, told };
}

/** Settled: no reconciler has work, and the audit log has stopped growing. */
async function settled(): Promise<void> {
  let last = -1;
  let same = 0;
  await until(() => {
    const now = writes().length;
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 40;
  }, "the writes come to an end");
}

async function passes(metrics: Registry, outcome = "done"): Promise<number> {
  const found = (await metrics.getMetricsAsJSON()).find(({ name }) => name === "drover_reconciles_total");
  return (found?.values ?? []).filter(({ labels }) => labels.outcome === outcome).reduce((sum, { value }) => sum + value, 0);
}
