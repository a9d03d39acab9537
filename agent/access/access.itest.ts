// The agent's reconcilers and guards against two real clusters: a hub with Drover's kinds, and a managed cluster with the import manifest applied,
// on which the agent's parts run as the manifest's ServiceAccounts.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { ceilingBinding, impersonatorPermissions } from "../../deploy/agent/permissions.ts";
import { nextLineage, notBefore, SET_BOUNDS } from "../../lib/access/lineage.ts";
import { LABEL, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { INVENTORY_LABEL } from "../../lib/access/render.ts";
import { Cache } from "../../lib/kube/cache.ts";
import { isForbidden, KubeClient } from "../../lib/kube/client.ts";
import {
  ClusterRole,
  ClusterRoleBinding,
  Namespace,
  RoleBinding,
  Secret,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../lib/kube/core.ts";
import { silent } from "../../lib/kube/log.ts";
import type { Key, Kind, KubeObject } from "../../lib/kube/object.ts";
import { startTestAgent, type TestAgent } from "../../test/agent/test-agent.ts";
import { namespaceOfCluster } from "../../test/agent.ts";
import { startHub, type TestHub } from "../../test/hub.ts";
import { startManagedCluster, type TestManagedCluster } from "../../test/managed-cluster.ts";
import { until } from "../../test/until.ts";
import { HubTransport } from "../hub/transport.ts";
import { tearDown } from "../teardown/teardown.ts";
import { STATE_SECRET } from "./state.ts";

const RBAC = "rbac.authorization.k8s.io";
const HUB_NAMESPACE = "cluster-east";
const SET_UP_MS = 900_000;

jest.setTimeout(120_000);

let hub: TestHub;
let managed: TestManagedCluster;
let agent: TestAgent;

const startAgent = (): Promise<TestAgent> => startTestAgent(hub, managed);

beforeAll(async () => {
  [hub, managed] = await Promise.all([startHub(), startManagedCluster()]);
  await hub.apply(
    ...namespaceOfCluster("east"),
    template("reader", "Project", [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }]),
    template("owner", "Project", [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]),
    template("viewer", "Cluster", [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list"] }]),
  );
  await accept("reader", []);
  await accept("owner", ["CreateNamespaces"]);
  await accept("viewer", []);
}, SET_UP_MS);

afterAll(async () => {
  await Promise.all([hub?.stop(), managed?.stop()]);
}, 120_000);

let project = "";
let count = 0;
/** Each test has a project and a namespace of its own. */
beforeEach(async () => {
  project = `p${++count}`;
  await managed.apply(namespace(project, project));
  agent = await startAgent();
}, 60_000);
afterEach(async () => {
  await agent.stop();
}, 60_000);

const template = (name: string, context: "Cluster" | "Project", rules: object[]) => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterRoleTemplate",
  metadata: { name },
  spec: { displayName: name, context, rules },
});

/** What the access operator does with a template. */
async function accept(name: string, capabilities: string[], accepted: "True" | "False" = "True"): Promise<void> {
  const { spec, metadata } = await hub.admin.get(ClusterRoleTemplate, { name });
  const condition = {
    type: "Accepted",
    status: accepted,
    reason: accepted === "True" ? "Accepted" : "InheritanceCycle",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
    observedGeneration: metadata.generation,
  };
  const status = { rules: spec.rules, capabilities, conditions: [condition] };
  await hub.admin.patch(ClusterRoleTemplate, { name }, { status }, { type: "merge", subresource: "status" });
}

const namespace = (name: string, inProject?: string) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, ...(inProject === undefined ? {} : { labels: { [LABEL.project]: inProject } }) },
});

interface Subject {
  readonly kind: "User" | "Group";
  readonly name: string;
  readonly expiresAt?: string;
}
const user = (name: string, expiresAt?: string): Subject => ({
  kind: "User",
  name: `drover:user:${name}`,
  ...(expiresAt ? { expiresAt } : {}),
});
type Bindings = { template: string; subjects: Subject[] }[];

/** As the access operator does: each content goes on from the one that is there, or from `from`, as on a hub that was restored. */
async function putSet(name: string, spec: object, from?: readonly string[]): Promise<void> {
  const before = await hub.admin.find(AccessSet, { name, namespace: HUB_NAMESPACE });
  const { restoreAcceptedAt } = spec as AccessSet["spec"];
  const lineage = nextLineage(spec, {
    previous: from ?? before?.spec.history ?? [],
    acknowledged: before?.status?.knownEpoch,
    after: notBefore(new Date(), restoreAcceptedAt),
    bounds: SET_BOUNDS,
  });
  await writeSet(name, { part: 1, parts: 1, ...spec, ...lineage });
}
const writeSet = (name: string, spec: object) =>
  hub.admin.apply(
    AccessSet,
    { apiVersion: "drover.dev/v1alpha1", kind: "AccessSet", metadata: { name, namespace: HUB_NAMESPACE }, spec } as KubeObject,
    { fieldManager: "test" },
  );
const specOf = async (name: string) => (await hub.admin.get(AccessSet, { name, namespace: HUB_NAMESPACE })).spec;
const putProject = (bindings: Bindings, more: { uid?: string; from?: readonly string[]; restoreAcceptedAt?: number } = {}) => {
  const { uid = `uid-${project}`, from, ...spec } = more;
  return putSet(`project-${project}`, { scope: "Project", project: { name: project, uid }, bindings, ...spec }, from);
};
const putIndex = (sets: string[], bindings: Bindings = [], more: object = {}) =>
  putSet("cluster", { scope: "Cluster", bindings, index: { sets: ["cluster", ...sets], ...more } });

/** Grants `reader` in the test's project, and waits until it is in effect. */
async function grant(...subjects: Subject[]): Promise<void> {
  await putProject([{ template: "reader", subjects }]);
  await putIndex([`project-${project}`]);
  await until(async () => (await users()).join() === subjects.map(({ name }) => name).join(), "the grant is in effect");
}

const bindingKey = (): Key => ({ namespace: project, name: `drover:${project}:reader` });
const users = async (): Promise<string[]> =>
  ((await managed.admin.find(RoleBinding, bindingKey()))?.subjects ?? []).map(({ name }) => name);
const mayList = async (name: string, more: object = { resource: "pods", verb: "list", namespace: project }): Promise<boolean> => {
  const spec = { user: `drover:user:${name}`, groups: ["drover:authenticated"], resourceAttributes: more };
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  const answer = await managed.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body });
  return (answer as { status: { allowed: boolean } }).status.allowed;
};
const exists = async (kind: Kind<KubeObject>, key: Key): Promise<boolean> => (await managed.admin.find(kind, key)) !== undefined;
const conditionOf = async (set: string) =>
  (await hub.admin.get(AccessSet, { name: set, namespace: HUB_NAMESPACE })).status?.conditions?.[0];

describe("granting and withdrawing", () => {
  test("a grant becomes a binding, its status says which epoch is in effect, and the index withdraws it", async () => {
    await grant(user("alice"));
    expect(await mayList("alice")).toBe(true);
    expect(await mayList("bob")).toBe(false);
    await until(async () => (await conditionOf(`project-${project}`))?.reason === "Applied", "the set's status says Applied");
    const set = await hub.admin.get(AccessSet, { name: `project-${project}`, namespace: HUB_NAMESPACE });
    expect(set.status?.epoch).toBe(set.spec.epoch);
    expect(set.status).toMatchObject({
      observedGeneration: set.metadata.generation,
      conditions: [
        { type: "Applied", status: "True", observedGeneration: set.metadata.generation },
        { type: "Ready", status: "True", reason: "Ready", observedGeneration: set.metadata.generation },
      ],
    });
    expect((await managed.admin.get(Namespace, { name: project })).metadata.annotations?.[PROJECT_UID_ANNOTATION]).toBe(`uid-${project}`);

    const before = agent.reviews;
    await putIndex([]);
    await until(async () => !(await mayList("alice")), "the grant is withdrawn");
    await until(async () => !(await exists(ClusterRole, { name: "drover:reader" })), "the role that nothing is bound to is gone");
    await until(() => agent.reviews > before, "the open streams are asked for");
  });

  test("a namespace that joins a project gets its bindings, and loses them when it leaves", async () => {
    await grant(user("alice"));
    await managed.apply(namespace(`${project}-more`, project));
    const key = { ...bindingKey(), namespace: `${project}-more` };
    await until(() => exists(RoleBinding, key), "the binding in the new namespace");
    await managed.admin.patch(
      Namespace,
      { name: `${project}-more` },
      { metadata: { labels: { [LABEL.project]: null } } },
      { type: "merge" },
    );
    await until(async () => !(await exists(RoleBinding, key)), "the binding is gone");
    const annotation = async () =>
      (await managed.admin.get(Namespace, { name: `${project}-more` })).metadata.annotations?.[PROJECT_UID_ANNOTATION];
    await until(async () => (await annotation()) === undefined, "the project's UID is forgotten");
  });

  test("a project made anew under its old name does not inherit its namespaces", async () => {
    await grant(user("alice"));
    await putIndex([]);
    await until(async () => !(await mayList("alice")), "the old project is gone");
    await putProject([{ template: "reader", subjects: [user("mallory")] }], { uid: "uid-of-the-new-one" });
    await putIndex([`project-${project}`]);
    await until(() => agent.report?.refused[0]?.message.includes("earlier project") ?? false, "the report says why");
    expect(await mayList("mallory")).toBe(false);
  });

  test("a template that is no longer accepted gives nothing, and rules that change reach the role", async () => {
    await grant(user("alice"));
    await accept("reader", [], "False");
    await until(async () => !(await mayList("alice")), "nothing is granted by a template that is not accepted");
    await accept("reader", []);
    await until(() => mayList("alice"), "the template counts again");
  });

  test("an end date ends access by itself", async () => {
    // Long enough for the grant to be seen on a busy machine.
    const end = new Date(Date.now() + 10_000).toISOString();
    await grant(user("alice", end), user("bob"));
    await until(async () => !(await mayList("alice")), "alice's access has ended");
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
    expect(await mayList("bob")).toBe(true);
  });

  test("the right to create namespaces in a project comes with the guard's path and not with wildcards", async () => {
    await putProject([{ template: "owner", subjects: [user("olga")] }]);
    await putIndex([`project-${project}`]);
    await until(() => mayList("olga", { resource: "namespaces", verb: "create" }), "olga may create namespaces");
    const asOlga = new KubeClient({ ...managed.plane.adminConnection(), headers: { "impersonate-user": "drover:user:olga" } });
    await expect(asOlga.create(Namespace, namespace(`${project}-x`) as Namespace)).rejects.toThrow(/claim-namespaces/);
    await expect(asOlga.create(Namespace, namespace(`${project}-x`, "elsewhere") as Namespace)).rejects.toThrow(
      /projects\/elsewhere\/namespaces/,
    );
    await asOlga.create(Namespace, namespace(`${project}-x`, project) as Namespace);
    await until(() => mayList("olga", { resource: "pods", verb: "list", namespace: `${project}-x` }), "she is its owner");
    await asOlga.close();
  });
});

describe("absence and the past are no orders", () => {
  test("sets and templates that vanish from the hub take nothing away", async () => {
    await grant(user("alice"));
    const sets = await hub.admin.list(AccessSet, { namespace: HUB_NAMESPACE });
    for (const { metadata } of sets.items) await hub.admin.delete(AccessSet, { name: metadata.name, namespace: HUB_NAMESPACE });
    await hub.admin.delete(ClusterRoleTemplate, { name: "reader" });
    // The agent has seen it all once it has corrected a deletion that came afterwards.
    await managed.admin.delete(RoleBinding, bindingKey());
    await until(() => exists(RoleBinding, bindingKey()), "the binding is back");
    expect(await mayList("alice")).toBe(true);
    await hub.apply(template("reader", "Project", [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }]));
    await accept("reader", []);
  });

  test("a restored hub takes nothing away; what is changed on it withdraws, and grants only once the restore is accepted", async () => {
    const set = `project-${project}`;
    const reader = (...names: string[]): Bindings => [{ template: "reader", subjects: names.map((name) => user(name)) }];
    const saysRestored = (what: string) =>
      until(async () => {
        const { reason, message } = (await conditionOf(set)) ?? {};
        return reason === "HubRestored" && message?.includes(what) === true;
      }, `the set's status says that the hub was restored, and ${what}`);
    await grant(user("alice"), user("bob"), user("mallory"));
    const backup = await specOf(set);
    await putProject(reader("alice", "bob", "dora"));
    await until(async () => !(await mayList("mallory")) && (await mayList("dora")), "mallory's grant is withdrawn");

    await writeSet(set, backup);
    await saysRestored("nothing is changed");
    expect(await users()).toEqual(["alice", "bob", "dora"].map((name) => `drover:user:${name}`));

    await putProject(reader("alice", "erin", "mallory"));
    await until(async () => (await users()).join() === "drover:user:alice", "what the restored hub withdraws is withdrawn");
    await agent.stop();
    agent = await startAgent();
    await putProject(reader("alice", "bob", "erin", "mallory"));
    await until(async () => (await users()).length === 2, "bob, whom the agent knew, is let in again");
    await saysRestored(`until epoch ${(await specOf(set)).epoch}`);
    expect(await users()).toEqual(["drover:user:alice", "drover:user:bob"]);
    expect(agent.report?.restored.map(({ object }) => object)).toEqual([`AccessSet ${set}`]);

    await putProject(reader("alice", "erin", "mallory"), { restoreAcceptedAt: Date.now() + 1000 });
    await until(() => mayList("mallory"), "the restored hub counts");
    expect(await users()).toEqual(["alice", "erin", "mallory"].map((name) => `drover:user:${name}`));
    await until(async () => (await conditionOf(set))?.reason === "Applied", "the set's status says Applied");
  });

  test("a set that is made anew is taken over, though the operator's clock went back", async () => {
    await grant(user("alice"), user("mallory"));
    const { spec, metadata } = await hub.admin.get(AccessSet, { name: `project-${project}`, namespace: HUB_NAMESPACE });
    await hub.admin.delete(AccessSet, { name: metadata.name, namespace: HUB_NAMESPACE });
    // The API server dates objects in whole seconds.
    await until(() => Date.now() >= Date.parse(metadata.creationTimestamp ?? "") + 1000, "the clock has gone on");
    const bindings = [{ template: "reader", subjects: [user("alice")] }];
    await writeSet(metadata.name, { ...spec, bindings, ...nextLineage({ bindings }, { previous: [], after: 1, bounds: SET_BOUNDS }) });
    await until(async () => !(await mayList("mallory")), "mallory's grant is withdrawn");
    expect(await mayList("alice")).toBe(true);
    await until(async () => (await conditionOf(metadata.name))?.reason === "Applied", "the set's status says Applied");
  });

  test("an agent that restarts while the hub is away goes on from its own copy: nothing pruned, drift corrected, end dates kept", async () => {
    const end = new Date(Date.now() + 12_000).toISOString();
    await grant(user("alice"), user("temp", end));
    const before = agent.corrected;
    await agent.stop();
    await hub.plane.kill("apiserver");
    try {
      await managed.admin.delete(RoleBinding, bindingKey());
      agent = await startAgent();
      await until(() => mayList("alice"), "the binding is made anew without the hub");
      await until(() => agent.corrected > before, "what was broken while no agent was there is counted");
      expect(agent.corrected).toBe(before + 1);
      await until(async () => !(await mayList("temp")), "the end date is kept without the hub");
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
      expect(await mayList("alice")).toBe(true);
    } finally {
      await hub.plane.start("apiserver");
    }
    await putIndex([]);
    await until(async () => !(await mayList("alice")), "the hub is heard again");
  });

  test("an agent without a copy of its own does nothing while the hub is away", async () => {
    await grant(user("alice"));
    await agent.stop();
    await hub.plane.kill("apiserver");
    try {
      await managed.admin.delete(Secret, { namespace: "drover-system", name: STATE_SECRET });
      agent = await startAgent();
      await until(
        () => agent.guards.enforced && agent.said.some((line) => line.includes("everything stays as it is")),
        "the agent has had its look",
      );
      expect(await mayList("alice")).toBe(true);
    } finally {
      await hub.plane.start("apiserver");
    }
    await putIndex([]);
    await until(async () => !(await mayList("alice")), "the hub is heard again");
  });
});

describe("drift", () => {
  test("what somebody deletes or edits is corrected at once, and counted", async () => {
    await grant(user("alice"));
    const before = agent.corrected;
    await managed.admin.delete(RoleBinding, bindingKey());
    await until(() => mayList("alice"), "the deleted binding is back");
    const mallory = { kind: "User", apiGroup: RBAC, name: "drover:user:mallory" };
    await managed.admin.patch(RoleBinding, bindingKey(), { subjects: [mallory] }, { type: "merge" });
    await until(async () => (await mayList("alice")) && !(await mayList("mallory")), "the edited binding is mended");
    await managed.admin.patch(ClusterRole, { name: "drover:reader" }, { rules: [] }, { type: "merge" });
    await until(() => mayList("alice"), "the edited role is mended");
    await until(() => agent.corrected === before + 3, "all three are counted");
  });

  test("a binding of ours that no set asks for is removed", async () => {
    await grant(user("alice"));
    const { metadata, ...rest } = await managed.admin.get(RoleBinding, bindingKey());
    const planted = { ...rest, metadata: { name: "planted", namespace: project, labels: metadata.labels ?? {} } };
    await managed.admin.create(RoleBinding, planted);
    await until(async () => !(await exists(RoleBinding, { namespace: project, name: "planted" })), "it is gone");
  });

  test("a binding whose label somebody took off while no agent was there is still withdrawn", async () => {
    await grant(user("alice"));
    await agent.stop();
    const labels = { "app.kubernetes.io/managed-by": null, [INVENTORY_LABEL]: null };
    await managed.admin.patch(RoleBinding, bindingKey(), { metadata: { labels } }, { type: "merge" });
    await putIndex([]);
    agent = await startAgent();
    await until(async () => !(await exists(RoleBinding, bindingKey())), "the binding is gone");
  });

  test("a name squatted with another roleRef, or a role with an unmanaged aggregationRule, is made anew and not merged", async () => {
    await putIndex([]);
    await until(async () => agent.memory.settled && !(await exists(ClusterRole, { name: "drover:reader" })), "nothing is granted");
    const before = agent.corrected;
    await managed.admin.create(RoleBinding, {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { ...bindingKey() },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "User", apiGroup: RBAC, name: "drover:user:mallory" }],
    });
    await managed.admin.create(ClusterRole, {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: "drover:reader" },
      rules: [],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { "kubernetes.io/bootstrapping": "rbac-defaults" } }] },
    });
    await grant(user("alice"));
    expect((await managed.admin.get(RoleBinding, bindingKey())).roleRef.name).toBe("drover:reader");
    await until(
      async () => (await managed.admin.get(ClusterRole, { name: "drover:reader" })).aggregationRule == null,
      "the aggregation is gone",
    );
    expect(await mayList("mallory")).toBe(false);
    await until(() => mayList("alice"), "alice holds what the template gives");
    await until(() => agent.corrected >= before + 2, "both are counted");
    expect(agent.corrected).toBe(before + 2);
  });
});

describe("guards", () => {
  test("while the guards refuse nothing, nothing new is granted, what was granted stays, and taking away goes on", async () => {
    await grant(user("alice"), user("bob"));
    // Whoever holds every path is refused nothing: for the probe that looks like guards that are not in force.
    const bypass = { name: "bypass" };
    await managed.admin.create(ClusterRoleBinding, {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: bypass,
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", namespace: "drover-system", name: "guard-probe" }],
    });
    await agent.stop();
    agent = await startAgent();
    try {
      await until(() => agent.guards.report.state === "Missing", "the probe got through");
      await putProject([{ template: "reader", subjects: [user("alice"), user("carol")] }]);
      await until(async () => !(await mayList("bob")), "bob's right is withdrawn");
      await until(async () => (await conditionOf(`project-${project}`))?.reason === "GuardsNotEnforced", "the set's status says why");
      expect(await mayList("alice")).toBe(true);
      expect(await mayList("carol")).toBe(false);
    } finally {
      await managed.admin.delete(ClusterRoleBinding, bypass);
    }
    await until(() => mayList("carol"), "with the guards in force carol gets her right");
  });

  test("policies that somebody deletes are made anew, and a grant made in the gap comes after them", async () => {
    await grant(user("alice"));
    const policies = await managed.admin.list(ValidatingAdmissionPolicy, { labelSelector: "app.kubernetes.io/managed-by=drover" });
    expect(policies.items.length).toBeGreaterThan(0);
    const stop = new AbortController();
    const born = new Map<string, number>();
    const caches = [
      new Cache<KubeObject>(managed.admin, ValidatingAdmissionPolicy),
      new Cache<KubeObject>(managed.admin, ValidatingAdmissionPolicyBinding),
    ];
    for (const cache of caches) {
      cache.onChange((now) => {
        const uid = now?.metadata.uid ?? "";
        if (now !== undefined && !born.has(uid)) born.set(uid, Number(now.metadata.resourceVersion));
      });
      cache.start(stop.signal);
      await cache.synced;
    }
    for (const { metadata } of policies.items) {
      await managed.admin.delete(ValidatingAdmissionPolicyBinding, { name: metadata.name });
      await managed.admin.delete(ValidatingAdmissionPolicy, { name: metadata.name });
    }
    await until(() => !agent.guards.enforced, "the agent has noticed");
    await putProject([{ template: "reader", subjects: [user("alice"), user("dave")] }]);
    await until(() => mayList("dave"), "the grant arrives");
    const granted = Number((await managed.admin.get(RoleBinding, bindingKey())).metadata.resourceVersion);
    for (const { metadata } of policies.items) {
      for (const kind of [ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding]) {
        const made = await managed.admin.get<KubeObject>(kind, { name: metadata.name });
        expect(made.metadata.uid).not.toBe(metadata.uid);
        await until(() => born.has(made.metadata.uid ?? ""), "the watch has seen it made");
        expect(born.get(made.metadata.uid ?? "")).toBeLessThan(granted);
      }
    }
    stop.abort();
  });

  test("a condition that somebody added to a policy, so that it looks away, does not stay", async () => {
    await until(() => agent.guards.enforced, "the guards are in force");
    const name = "drover-managed-objects";
    const { uid } = (await managed.admin.get(ValidatingAdmissionPolicy, { name })).metadata;
    const never = [{ op: "add", path: "/spec/matchConditions/-", value: { name: "never", expression: "false" } }];
    await managed.admin.patch(ValidatingAdmissionPolicy, { name }, never, { type: "json", fieldManager: "somebody" });
    const policy = () => managed.admin.find(ValidatingAdmissionPolicy, { name });
    await until(async () => ![undefined, uid].includes((await policy())?.metadata.uid), "the policy is made anew");
    expect(JSON.stringify((await policy())?.spec)).not.toContain("never");
    await until(() => agent.guards.enforced, "the guards are in force again");
  });

  test("nobody but the agent writes bindings for people of Drover", async () => {
    await putProject([{ template: "owner", subjects: [user("olga")] }]);
    await putIndex([`project-${project}`]);
    await until(() => mayList("olga", { group: RBAC, resource: "rolebindings", verb: "create", namespace: project }), "olga is an owner");
    const asOlga = new KubeClient({ ...managed.plane.adminConnection(), headers: { "impersonate-user": "drover:user:olga" } });
    const friend: RoleBinding = {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { name: "friend", namespace: project },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "User", apiGroup: RBAC, name: "drover:user:friend" }],
    };
    const refusal = await asOlga.create(RoleBinding, friend).catch((error: unknown) => error);
    expect(isForbidden(refusal)).toBe(true);
    expect((refusal as Error).message).toContain("/drover.dev/managed-objects");
    await asOlga.close();
  });
});

describe("the impersonator", () => {
  test("can do nothing by itself: a request whose impersonation headers were lost is refused with 403", async () => {
    await grant({ kind: "Group", name: "drover:group:corp:devs" });
    await until(() => agent.memory.hasGroup("drover:group:corp:devs"), "the impersonator may pass the group on");
    const alone = new KubeClient(await managed.connectionOf("impersonator"));
    for (const path of [
      "/api/v1/pods",
      `/api/v1/namespaces/${project}/pods`,
      "/api/v1/secrets",
      "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    ]) {
      expect(isForbidden(await alone.request("GET", path).catch((error: unknown) => error))).toBe(true);
    }
    await alone.close();
  });

  test("passes on people of Drover and the groups of the sets, and nobody of system:", async () => {
    await grant({ kind: "Group", name: "drover:group:corp:devs" });
    await until(() => agent.memory.hasGroup("drover:group:corp:devs"), "the impersonator may pass the group on");
    const connection = await managed.connectionOf("impersonator");
    const list = async (headers: Record<string, string>) => {
      const client = new KubeClient({ ...connection, headers });
      try {
        return await client.request("GET", `/api/v1/namespaces/${project}/pods`);
      } finally {
        await client.close();
      }
    };
    await expect(list({ "impersonate-user": "drover:user:dora", "impersonate-group": "drover:group:corp:devs" })).resolves.toMatchObject({
      kind: "PodList",
    });
    for (const group of ["system:masters", "drover:group:corp:others"]) {
      await expect(list({ "impersonate-user": "drover:user:dora", "impersonate-group": group })).rejects.toThrow(/cannot impersonate/);
    }
    await expect(list({ "impersonate-user": "system:serviceaccount:kube-system:default" })).rejects.toThrow(/cannot impersonate/);
  });
});

describe("the way to the hub", () => {
  test("leads through the next proxy when one does not answer", async () => {
    const real = hub.plane.adminConnection();
    const client = new KubeClient(new HubTransport([{ ...real, server: "https://127.0.0.1:1" }, real]));
    await expect(client.list(AccessSet)).rejects.toThrow("ECONNREFUSED");
    await expect(client.list(AccessSet)).resolves.toHaveProperty("items");
    await client.close();
  });
});

describe("a ceiling below cluster-admin", () => {
  beforeAll(async () => {
    await setCeiling("view");
    await managed.apply(...impersonatorPermissions(["drover:authenticated", "drover:group:corp:devs", "drover:group:corp:qa"]));
  });
  afterAll(async () => {
    await setCeiling("cluster-admin");
  });

  async function setCeiling(role: string): Promise<void> {
    await managed.admin.delete(ClusterRoleBinding, { name: "drover:agent" });
    await managed.apply(ceilingBinding(role));
  }

  test("bounds what can be granted: the managed cluster's own RBAC refuses the rest, and the report names it", async () => {
    await putProject([
      { template: "reader", subjects: [user("alice")] },
      { template: "owner", subjects: [user("olga")] },
    ]);
    await putIndex([`project-${project}`]);
    await until(() => mayList("alice"), "what is below the ceiling is granted");
    await until(async () => (await conditionOf(`project-${project}`))?.reason === "PartlyRefused", "the set's status says that not all is");
    expect(await mayList("olga")).toBe(false);
    const report = agent.report?.refused.find(({ object }) => object === "ClusterRole drover:owner");
    expect(report?.message).toContain("attempting to grant RBAC permissions not currently held");
  });

  test("fixes the groups that get in at import, and the report names the others", async () => {
    await grant({ kind: "Group", name: "drover:group:corp:devs" });
    expect(agent.memory.hasGroup("drover:group:corp:devs")).toBe(true);
    // A grant can be seen in the cluster a moment before the pass that made it has ended.
    await until(() => agent.report !== undefined, "the first report");
    expect(agent.report?.refused).toEqual([]);
    await putProject([{ template: "reader", subjects: [{ kind: "Group", name: "drover:group:corp:ops" }] }]);
    await until(
      () => agent.report?.refused.some(({ message }) => message.includes("drover:group:corp:ops")) ?? false,
      "the group is named",
    );
    expect(agent.memory.hasGroup("drover:group:corp:ops")).toBe(false);
    expect(agent.memory.hasGroup("drover:group:corp:devs")).toBe(true);
  });
});

describe("teardown", () => {
  test("leaves nothing of Drover in the managed cluster", async () => {
    await grant(user("alice"));
    await putIndex([], [], { teardown: true });
    const { client, memory } = agent;
    const options = { cluster: "east", namespace: "drover-system", managed: client, teardown: memory.teardown, log: silent };
    await tearDown(options, AbortSignal.timeout(100_000));
    const report = await hub.admin.get(ClusterReport, { name: "agent", namespace: HUB_NAMESPACE });
    expect(report.status?.teardown).toBe("Done");
    const kinds: Kind<KubeObject>[] = [
      ClusterRole,
      ClusterRoleBinding,
      RoleBinding,
      ValidatingAdmissionPolicy,
      ValidatingAdmissionPolicyBinding,
      Namespace,
    ];
    const left = async (): Promise<string[]> => {
      const found: string[] = [];
      for (const kind of kinds) {
        for (const { metadata } of (await managed.admin.list(kind)).items) {
          if (
            /^drover/.test(metadata.name) ||
            JSON.stringify(metadata.labels ?? {}).includes('"drover"') ||
            metadata.annotations?.[PROJECT_UID_ANNOTATION]
          )
            found.push(`${kind.kind} ${metadata.name}`);
        }
      }
      return found;
    };
    await until(async () => (await left()).length === 0, "nothing is left", 60_000).catch(async (error: Error) => {
      throw new Error(`${error.message}: ${(await left()).join(", ")}`);
    });
  });
});
