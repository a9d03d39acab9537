// All reconcilers of the operator together, their passes in random order, beside the others at work on the same objects (the namespace
// controller, auth, the agents): clusters and projects come to stand, and deleting them, in any order and at any moment, always ends.
import { expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { AccessCompiled, Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { Lease, Namespace, RoleBinding, Secret, ServiceAccount } from "../../lib/kube/core.ts";
import { type Kind, type KubeObject, keyOf } from "../../lib/kube/object.ts";
import type { Effect } from "../../lib/reconcile/contract.ts";
import { InMemoryWorld } from "../../test/in-memory-world.ts";
import { MADE_FROM, type PrepareRegistration, TOKEN_HASH } from "./cluster-registration/plan.ts";
import { cacheOptions, reconcilersWith } from "./reconcilers.ts";

jest.setTimeout(60_000);

const START = Date.parse("2026-06-01T00:00:00Z");
const settings = {
  authURL: "a",
  proxyURLs: ["b"],
  caPEM: () => "c",
  agentImage: "d",
  hubURL: "e",
  registrationTTLSeconds: 86_400,
  deletionGraceSeconds: 60,
};
const object = (kind: Kind<KubeObject>, name: string, namespace: string | undefined, more: object): KubeObject =>
  ({ apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, ...(namespace && { namespace }) }, ...more }) as KubeObject;

function withDefaults(object: KubeObject): KubeObject {
  if (object.kind !== Cluster.kind) return object;
  const { spec } = object as Cluster;
  return { ...object, spec: { ...{ paused: false, agent: { ceiling: "cluster-admin" } }, ...spec } } as KubeObject;
}

/** The hub with everybody at work on it. `agents`: which clusters have one that answers. */
class Hub {
  now = START;
  readonly agents: ReadonlySet<string>;
  readonly world: InMemoryWorld;

  constructor(agents: readonly string[]) {
    this.agents = new Set(agents);
    this.world = new InMemoryWorld({
      reconcilers: reconcilersWith(settings),
      cacheOptions,
      effect: (effect) => this.#prepared(effect),
      defaults: withDefaults,
      now: () => new Date(this.now),
    });
    this.world.put(object(Namespace, "drover-system", undefined, { status: { phase: "Active" } }));
  }

  /** Passes in random order, with the others' work between, until nothing changes for a while; time goes on by ten seconds a round. */
  async run(order: <T>(list: readonly T[]) => readonly T[], rounds = 30): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      this.now += 10_000;
      this.#others();
      await this.world.settle(order);
    }
  }

  /** What the executors of effects come to, without tokens. */
  #prepared(effect: Effect): void {
    const namespace = `cluster-${effect.subject.name}`;
    if (effect.type === "retire-registration") return this.world.remove(Secret, { name: "agent-manifest", namespace });
    const annotations = { [MADE_FROM]: (effect as PrepareRegistration).madeFrom, [TOKEN_HASH]: "h" };
    this.world.put({ ...object(Secret, "agent-manifest", namespace, {}), metadata: { name: "agent-manifest", namespace, annotations } });
    const spec = { tokenHash: "h", expiresAt: new Date(this.now + 86_400_000).toISOString(), once: true, approval: "Automatic" };
    this.world.put(object(ClusterRegistration, "agent", namespace, { spec }));
  }

  #others(): void {
    for (const namespace of this.world.list(Namespace)) {
      if (!namespace.status) this.world.put(object(Namespace, namespace.metadata.name, undefined, { status: { phase: "Active" } }));
    }
    this.#namespaceController();
    this.#accessOperator();
    for (const { metadata } of this.world.list(Cluster))
      if (this.agents.has(metadata.name)) this.#agent(metadata.name, metadata.deletionTimestamp !== undefined);
  }

  /** What lies in a namespace that is not there (or going) goes. */
  #namespaceController(): void {
    for (const kind of [
      Project,
      ClusterRegistration,
      ClusterReport,
      Lease,
      RoleBinding,
      Secret,
      ServiceAccount,
    ] as readonly Kind<KubeObject>[]) {
      for (const one of this.world.list(kind)) {
        if (!this.world.find(Namespace, { name: one.metadata.namespace ?? "" })) this.world.remove(kind, keyOf(one));
      }
    }
  }

  #accessOperator(): void {
    for (const one of this.world.list(Cluster)) {
      const conditions = (one.status?.conditions ?? []).filter(({ type }) => type !== AccessCompiled.type);
      const { type, Compiled: reason } = AccessCompiled;
      const compiled = { type, status: "True", reason, message: "", lastTransitionTime: new Date(START).toISOString() };
      this.world.put({ ...one, status: { ...one.status, conditions: [compiled, ...conditions] } } as KubeObject);
    }
  }

  #agent(cluster: string, going: boolean): void {
    const key = { name: "agent", namespace: `cluster-${cluster}` };
    const registration = this.world.find(ClusterRegistration, key);
    const lease = this.world.find(Lease, key);
    if (!registration || !lease || !this.world.find(ClusterReport, key)) return;
    this.world.put({ ...registration, status: { publicKey: "k" } } as KubeObject);
    this.world.put({ ...lease, spec: { renewTime: new Date(this.now).toISOString() } } as KubeObject);
    const status = {
      healthy: true,
      guards: { state: "Enforced" },
      access: { epochs: [{ set: "cluster", epoch: 1 }] },
      ...(going && { teardown: "Done" }),
    };
    this.world.put(object(ClusterReport, "agent", key.namespace, { spec: {}, status }));
  }
}

const cluster = (name: string) =>
  object(Cluster, name, undefined, { spec: { paused: false, import: {}, agent: { ceiling: "cluster-admin" } } });
const project = (name: string, of: string) => object(Project, name, `cluster-${of}`, { spec: {} });
const straight = <T>(list: readonly T[]): readonly T[] => list;
const conditions = (of: KubeObject | undefined) =>
  Object.fromEntries(
    ((of as { status?: { conditions?: { type: string; reason: string }[] } })?.status?.conditions ?? []).map(({ type, reason }) => [
      type,
      reason,
    ]),
  );

const shuffledBy = (numbers: readonly number[]) => {
  let at = 0;
  const next = () => numbers[at++ % numbers.length] ?? 0;
  return <T>(list: readonly T[]): readonly T[] =>
    list
      .map((value, i) => [(next() * 31 + i * 17) % 101, value] as const)
      .sort(([a], [b]) => a - b)
      .map(([, value]) => value);
};
const orders = fc.array(fc.nat(1000), { minLength: 7, maxLength: 40 }).map(shuffledBy);

test("clusters and a project come to stand, the hub among them, and then nothing changes any more", async () => {
  const hub = new Hub(["east", "hub"]);
  for (const one of [cluster("east"), cluster("west")]) hub.world.put(one);
  await hub.run(straight, 1);
  hub.world.put(project("web", "east"));
  await hub.run(straight, 10);
  expect(conditions(hub.world.find(Cluster, { name: "east" }))).toMatchObject({
    NamespaceReady: "Ready",
    Registered: "Registered",
    Ready: "Ready",
  });
  expect(conditions(hub.world.find(Cluster, { name: "hub" }))).toMatchObject({ Ready: "Ready" });
  expect(conditions(hub.world.find(Cluster, { name: "west" }))).toMatchObject({
    NamespaceReady: "Ready",
    Registered: "WaitingForAgent",
    Ready: "WaitingForAgent",
  });
  expect(conditions(hub.world.find(Project, { name: "web", namespace: "cluster-east" }))).toMatchObject({ NamespaceReady: "Ready" });
  expect(hub.world.find(Secret, { name: "agent-manifest", namespace: "cluster-east" })).toBeUndefined();
  expect(hub.world.find(Secret, { name: "agent-manifest", namespace: "cluster-west" })).toBeDefined();
  const before = hub.world.changes;
  await hub.world.settle(straight);
  expect(hub.world.changes).toBe(before);
});

test("in any order of documents and passes they come to stand", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), orders, async (sequence, order) => {
      const hub = new Hub(["east", "hub"]);
      const documents = [cluster("east"), cluster("west"), project("web", "east")];
      for (const i of sequence) {
        hub.world.put(documents[i] ?? cluster("east"));
        await hub.world.settle(order);
      }
      await hub.run(order, 8);
      expect(conditions(hub.world.find(Cluster, { name: "east" }))).toMatchObject({ Ready: "Ready" });
      expect(conditions(hub.world.find(Project, { name: "web", namespace: "cluster-east" }))).toMatchObject({ NamespaceReady: "Ready" });
    }),
    { numRuns: 20 },
  );
});

test("deleting everything, in any order, at any moment, with an agent or without, ends, and leaves no namespace behind", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.shuffledSubarray(["east", "west", "project"], { minLength: 3 }),
      fc.nat(8),
      fc.subarray(["east", "west", "hub"]),
      orders,
      async (victims, after, agents, order) => {
        const hub = new Hub(agents);
        for (const one of [cluster("east"), cluster("west"), project("web", "east")]) hub.world.put(one);
        await hub.run(order, after);
        for (const victim of victims) {
          if (victim === "project") hub.world.remove(Project, { name: "web", namespace: "cluster-east" });
          else hub.world.remove(Cluster, { name: victim });
          await hub.world.settle(order);
        }
        await hub.run(order, 15);
        expect(hub.world.list(Cluster).map(({ metadata }) => metadata.name)).toEqual(["hub"]);
        expect(hub.world.list(Project)).toEqual([]);
        expect(hub.world.list(Namespace).map(({ metadata }) => metadata.name)).toEqual(["cluster-hub", "drover-system"]);
      },
    ),
    { numRuns: 20 },
  );
});

test("the Cluster hub, deleted, is created again", async () => {
  const hub = new Hub([]);
  await hub.run(straight, 3);
  const first = hub.world.find(Cluster, { name: "hub" })?.metadata.uid;
  hub.world.remove(Cluster, { name: "hub" });
  await hub.run(straight, 10);
  const second = hub.world.find(Cluster, { name: "hub" })?.metadata.uid;
  expect(second).toBeDefined();
  expect(second).not.toBe(first);
});
