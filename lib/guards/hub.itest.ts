// The guards that only the hub has, tried as the administrator of everything: nobody deletes the Cluster `hub`, and nobody accepts a restore without
// the permission. And that the API server returns guards as they were written, which lib/guards/difference.ts relies on.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { boolean, object as fields } from "../../crds/schema/builders.ts";
import { kind } from "../../crds/schema/kind.ts";
import { crdOf } from "../../crds/schema/manifest.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { startHub, type TestHub } from "../../test/hub.ts";
import { until } from "../../test/until.ts";
import { HUB, LABEL } from "../access/names.ts";
import { AGENT_ON_HUB, type AgentPermission, agentRules, reportedKinds } from "../components/agent-on-hub.ts";
import { type ApiError, KubeClient } from "../kube/client.ts";
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../kube/core.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import { HUB_GUARDS } from "./bundle.ts";
import { differences } from "./difference.ts";
import { compiledKindsWith } from "./hub.ts";
import { guardObjects } from "./policy.ts";

jest.setTimeout(120_000);

let hub: TestHub;
beforeAll(async () => {
  hub = await startHub({ controllerManager: true });
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

type AnyKind = Kind<KubeObject>;
type Written = KubeObject & { readonly spec: object };

const object = (kind: AnyKind, name: string, spec: object): Written => ({
  apiVersion: kind.apiVersion,
  kind: kind.kind,
  metadata: { name, ...(kind.namespaced && { namespace: "default" }) },
  spec,
});
const apply = (kind: AnyKind, wanted: KubeObject, dryRun = false) => hub.admin.apply(kind, wanted, { fieldManager: "people", dryRun });

/** Refused by that guard: 403 with reason Forbidden, and a message that says so. */
const refused = async (action: Promise<unknown>, policy: string, says: string): Promise<void> => {
  const error: unknown = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 403, reason: "Forbidden" });
  expect((error as ApiError).message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
  expect((error as ApiError).message).toContain(says);
};

/** Waits until the action fares as it is to; it is tried again and again. */
const eventually = (what: string, action: () => Promise<unknown>): Promise<void> => until(() => action().then(() => true), what);

describe("the Cluster `hub`, with which everybody's access to the hub would go", () => {
  const cluster = (name: string, more: object = {}) => ({
    ...object(Cluster, name, { import: {} }),
    metadata: { name, labels: { fleet: "a", ...(name === HUB && { [LABEL.hub]: "true" }) }, ...more },
  });
  const says = "the Cluster `hub` is the hub itself";
  const DELETED = "drover-hub-cluster";
  const there = () => hub.admin.find(Cluster, { name: HUB });

  beforeAll(async () => {
    for (const name of [HUB, "east", "west"]) await apply(Cluster, cluster(name));
    await eventually("the hub is guarded", () => refused(hub.admin.delete(Cluster, { name: HUB }, { dryRun: true }), DELETED, says));
  });

  test("is not deleted by an administrator of everything", async () => {
    await refused(hub.admin.delete(Cluster, { name: HUB }), DELETED, says);
    await refused(hub.admin.delete(Cluster, { name: HUB }, { propagationPolicy: "Foreground" }), DELETED, says);
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("is not deleted among others", async () => {
    await refused(hub.admin.request("DELETE", "/apis/drover.dev/v1alpha1/clusters?labelSelector=fleet%3Da"), DELETED, says);
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("is not deleted by the garbage collector for somebody who gives it an owner that is gone", async () => {
    const owner = { apiVersion: "drover.dev/v1alpha1", kind: "GlobalRole", name: "gone", uid: randomUUID() };
    await hub.admin.patch(Cluster, { name: HUB }, { metadata: { ownerReferences: [owner] } }, { type: "merge" });
    await until(collectorRefused, "the garbage collector tried, and was refused");
    expect((await there())?.metadata.deletionTimestamp).toBeUndefined();
    await hub.admin.patch(Cluster, { name: HUB }, { metadata: { ownerReferences: null } }, { type: "merge" });
  });

  test("other clusters are deleted as before", async () => {
    await apply(Cluster, cluster("east"));
    await hub.admin.delete(Cluster, { name: "east" });
    expect(await hub.admin.find(Cluster, { name: "east" })).toBeUndefined();
  });

  test("goes with its kind, so that Drover can be taken away without touching the guards", async () => {
    await hub.kubectl(["delete", "crd", "clusters.drover.dev", "--timeout=60s"]);
    await hub.kubectl(["apply", "--server-side", "-k", join(import.meta.dirname, "../../crds/manifests")]);
    await hub.kubectl(["wait", "--for=condition=Established", "crd", "clusters.drover.dev", "--timeout=60s"]);
    await until(async () => (await there()) === undefined, "the kind is served again, without the Cluster");
  });
});

describe("what lets agents give back rights that were withdrawn after a backup", () => {
  const ACCEPTED = "drover-restore-acceptance";
  const accept = (as: KubeClient, name = HUB) =>
    as.apply(Cluster, object(Cluster, name, { restoreAcceptedAt: "2026-06-01T00:00:00.000Z" }), { fieldManager: "someone" });
  let editor: KubeClient;

  beforeAll(async () => {
    await apply(Cluster, {
      ...object(Cluster, HUB, { import: {} }),
      metadata: { name: HUB, labels: { [LABEL.hub]: "true" } },
    });
    await hub.apply(
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "everything" },
        rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: "everything" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "everything" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "editor" }],
      },
    );
    editor = new KubeClient({ ...hub.plane.adminConnection(), headers: { "impersonate-user": "editor" } });
  });
  afterAll(() => editor?.close());

  test("is refused to whoever may write everything but lacks the path, also by taking it away, while other changes pass", async () => {
    await eventually("the acceptance is guarded", () => refused(accept(editor), ACCEPTED, "/drover.dev/accept-restore"));
    await editor.apply(Cluster, object(Cluster, HUB, { displayName: "Hub" }), { fieldManager: "editor" });
    await accept(hub.admin);
    await editor.apply(Cluster, object(Cluster, HUB, { displayName: "The hub" }), { fieldManager: "editor" });
    const removal = editor.patch(Cluster, { name: HUB }, { spec: { restoreAcceptedAt: null } }, { type: "merge" });
    await refused(removal, ACCEPTED, "/drover.dev/accept-restore");
  });

  test("stands on the hub only", async () => {
    await apply(Cluster, object(Cluster, "north", { import: {} }));
    await expect(accept(hub.admin, "north")).rejects.toMatchObject({ code: 422 });
  });
});

describe("whether guards are as they were written, by what the API server returns", () => {
  const live = async (): Promise<readonly KubeObject[]> =>
    (
      await Promise.all([ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding].map((kind) => hub.admin.list<KubeObject>(kind)))
    ).flatMap(({ items }) => items);

  test("those that deploy/ applies are: no default comes on top", async () => {
    expect(differences(HUB_GUARDS.objects, await live())).toEqual([]);
  });

  test("a binding that audits beside is, and one that only audits is not", async () => {
    const name = "drover-namespaces";
    const withActions = async (...validationActions: string[]) => {
      const changed = await hub.admin.patch<KubeObject>(
        ValidatingAdmissionPolicyBinding,
        { name },
        { spec: { validationActions } },
        { type: "merge", dryRun: true },
      );
      return differences(HUB_GUARDS.objects, [...(await live()).filter(({ metadata }) => metadata.name !== name), changed]);
    };
    const ofBindings = (found: ReturnType<typeof differences>) =>
      found.filter(({ wanted }) => wanted.kind === "ValidatingAdmissionPolicyBinding");
    expect(ofBindings(await withActions("Deny", "Audit"))).toEqual([]);
    expect(ofBindings(await withActions("Audit")).map(({ is }) => is)).toEqual(["changed"]);
  });

  test("one with a condition more is not, also when whoever added it removed all trace of it from managedFields", async () => {
    const written = HUB_GUARDS.objects.find(({ metadata }) => metadata.name === "drover-managed-objects") as Written;
    // A copy without a binding, so that the guards themselves stay in force.
    const copy = { ...written, metadata: { name: "copy" } };
    await hub.admin.apply<KubeObject>(ValidatingAdmissionPolicy, copy, { fieldManager: "agent-guards" });
    const patch = (operations: object[]) =>
      hub.admin.patch<KubeObject>(ValidatingAdmissionPolicy, { name: "copy" }, operations, { type: "json" });
    const never = { name: "never", expression: "false" };
    const { metadata } = await patch([{ op: "add", path: "/spec/matchConditions/-", value: never }]);
    const own = metadata.managedFields?.findIndex(({ manager }) => manager === "agent-guards") ?? -1;
    await patch([{ op: "replace", path: "/metadata/managedFields", value: [metadata.managedFields?.[own]] }]);
    // Applied again, as an agent would.
    const applied = await hub.admin.apply<KubeObject>(ValidatingAdmissionPolicy, copy, { fieldManager: "agent-guards" });
    const writers = applied.metadata.managedFields?.filter(({ subresource }) => subresource === undefined).map(({ manager }) => manager);
    expect(writers).toEqual(["agent-guards"]);
    expect(JSON.stringify(applied.metadata.managedFields)).not.toContain("never");
    expect(differences([copy], [applied]).map(({ is, message }) => [is, message])).toEqual([
      ["extended", "ValidatingAdmissionPolicy copy was changed: spec.matchConditions.never"],
    ]);
    await hub.admin.delete(ValidatingAdmissionPolicy, { name: "copy" });
  });
});

describe("a kind that agents report, added as one row", () => {
  const Widget = kind({
    ...{ kind: "ClusterWidget", plural: "clusterwidgets", shortNames: ["cw"], scope: "Namespaced", internal: true },
    description: "What an agent found.",
    spec: fields("Nothing.", {}),
    status: { found: boolean("Whether it is there.").optional() },
    example: "",
  });
  const table: readonly AgentPermission[] = [
    ...AGENT_ON_HUB,
    { kind: Widget, name: "agent", patch: { part: "status", maxBytes: 1024, writer: "operator-clusters" } },
  ];
  const where = (name: string, namespace = "cluster-east") => ({ name, namespace });
  const widget = (name: string, namespace: string) => ({
    ...{ apiVersion: Widget.apiVersion, kind: Widget.kind, metadata: where(name, namespace), spec: {} },
  });
  const RBAC = "rbac.authorization.k8s.io";
  const bound = (name: string, role: string) => ({
    ...{
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: where(name),
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
    },
    subjects: [{ kind: "ServiceAccount", ...where("agent") }],
  });
  const clients = new Map<string, KubeClient>();
  const as = (user: string): KubeClient => {
    const client = clients.get(user) ?? new KubeClient({ ...hub.plane.adminConnection(), headers: { "impersonate-user": user } });
    clients.set(user, client);
    return client;
  };
  const status = (client: KubeClient, key: { name: string; namespace: string }) =>
    client.patch(Widget, key, { status: { found: true } }, { type: "merge", subresource: "status" });
  const label = (client: KubeClient, key: { name: string; namespace: string }) =>
    client.patch(Widget, key, { metadata: { labels: { a: "b" } } }, { type: "merge" });
  const GUARD = "drover-compiled-kinds";
  const says = "clusterwidgets are written by Drover itself";

  beforeAll(async () => {
    await hub.apply(crdOf(Widget));
    await hub.kubectl(["wait", "--for=condition=Established", "crd", "clusterwidgets.drover.dev", "--timeout=60s"]);
    const metadata = { name: "test:reports" };
    await hub.apply(
      ...guardObjects(compiledKindsWith(reportedKinds(table))),
      { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata, rules: agentRules("namespaced", table) },
      ...["cluster-east", "cluster-west"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    );
    await hub.apply(
      bound("reports", "test:reports"),
      widget("agent", "cluster-east"),
      widget("other", "cluster-east"),
      widget("agent", "cluster-west"),
    );
    await eventually("the kind is guarded", () => refused(label(as("editor"), where("agent")), GUARD, says));
  });
  afterAll(() => Promise.all([...clients.values()].map((client) => client.close())));

  const agent = () => as("system:serviceaccount:cluster-east:agent");

  test("is reported by the cluster's agent, with no more RBAC than the row gives", async () => {
    await eventually("the agent has its permissions", () => status(agent(), where("agent")));
    for (const attempt of [
      () => label(agent(), where("agent")),
      () => status(agent(), where("other")),
      () => status(agent(), where("agent", "cluster-west")),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 403, message: expect.not.stringContaining("ValidatingAdmissionPolicy") });
  });

  test("and whatever RBAC the agent were given, by it alone, and its status alone", async () => {
    await hub.apply(bound("everything", "everything"));
    await eventually("the agent may do everything there", () => agent().get(Widget, where("other")));
    await status(agent(), where("agent"));
    for (const attempt of [
      () => label(agent(), where("agent")),
      () => status(agent(), where("other")),
      () => status(as("editor"), where("agent")),
    ])
      await refused(attempt(), GUARD, says);
  });
});

/** From the API server's audit log: the collector tried to delete the Cluster and was answered 403. */
function collectorRefused(): boolean {
  return readFileSync(hub.plane.auditLog, "utf8")
    .split("\n")
    .some(
      (line) =>
        line.includes('"verb":"delete"') &&
        line.includes("system:serviceaccount:kube-system:generic-garbage-collector") &&
        line.includes('"resource":"clusters","name":"hub"') &&
        line.includes('"code":403'),
    );
}
