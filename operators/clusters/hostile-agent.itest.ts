// A managed cluster's agent that does what it should not with its own token, and namespaces of Drover's that somebody wants to go. The
// controllers of this hub share one identity, as they do by default in Kubernetes.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { clusterNamespace } from "../../lib/access/names.ts";
import { KubeClient } from "../../lib/kube/client.ts";
import { ConfigMap, Lease, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { startHub, type TestHub, type TestProcess } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

jest.setTimeout(180_000);
/** Kubernetes takes five seconds and more for a namespace, and a busy machine some time. */
const GOING_MS = 120_000;

let hub: TestHub;
let operator: TestProcess;
let agent: KubeClient;

const drover = (kind: { kind: string }, name: string, spec: object, namespace?: string) => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: kind.kind,
  metadata: { name, ...(namespace && { namespace }) },
  spec,
});
const find = <T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<T | undefined> =>
  hub.admin.find(kind, namespace === undefined ? { name } : { name, namespace });
const condition = async (name: string, type: string) => (await find(Cluster, name))?.status?.conditions?.find((one) => one.type === type);
const ready = (name: string): Promise<void> =>
  until(async () => (await condition(name, "NamespaceReady"))?.status === "True", `cluster ${name} has its namespace`);
const gone = (name: string): Promise<void> => until(async () => (await find(Cluster, name)) === undefined, `${name} is gone`, GOING_MS);

/** What the API server says to a request: 0 when it does as it is told. */
const code = (action: Promise<unknown>): Promise<number> =>
  action.then(
    () => 0,
    (error: { code?: number }) => error.code ?? -1,
  );

const own = { name: "agent", namespace: "cluster-west" };
const path = {
  lease: "/apis/coordination.k8s.io/v1/namespaces/cluster-west/leases/agent",
  report: "/apis/drover.dev/v1alpha1/namespaces/cluster-west/clusterreports/agent",
  set: "/apis/drover.dev/v1alpha1/namespaces/cluster-west/accesssets/cluster",
};
const patch = (at: string, body: unknown, contentType = "application/merge-patch+json"): Promise<unknown> =>
  agent.request("PATCH", at, { body, contentType });

beforeAll(async () => {
  hub = await startHub({ controllerManager: true, sharedControllerCredentials: true });
  // Whoever runs a controller manager so has to give it the rights of all its controllers.
  await hub.kubectl([
    "create",
    "clusterrolebinding",
    "controllers",
    "--clusterrole=cluster-admin",
    "--user=system:kube-controller-manager",
  ]);
  const caFile = join(hub.plane.directory, "ca.crt");
  await writeFile(caFile, hub.plane.ca);
  operator = await hub.start("operator-clusters", {
    ...{ authURL: "https://auth.test", proxyURLs: ["https://api.test"], caFile, agentImage: "drover:test", deletionGraceSeconds: 3 },
  });
  await hub.apply(drover(Cluster, "west", { import: {} }), drover(Cluster, "other", { import: {} }));
  await Promise.all([ready("west"), ready("other")]);
  await until(async () => (await find(ClusterReport, "agent", "cluster-west")) !== undefined, "the report");
  await until(async () => (await find(Lease, "agent", "cluster-west")) !== undefined, "the lease");
  const set = { scope: "Cluster", epoch: 1, history: ["1-00000000"], part: 1, parts: 1, bindings: [], index: { sets: [] } };
  await hub.apply(drover(AccessSet, "cluster", set, "cluster-west"));
  const { token } = await hub.admin.requestToken(own);
  agent = new KubeClient({ server: hub.plane.server, ca: hub.plane.ca, token: async () => token });
  await until(
    async () => (await code(patch(`${path.lease}?dryRun=All`, { metadata: { labels: { probe: "x" } } }))) === 403,
    "the guards are in force",
  );
}, 900_000);
afterAll(async () => {
  await agent?.close();
  await hub?.stop();
}, 60_000);

describe("an agent with its own token", () => {
  test("renews its Lease, reports, and says what it applied", async () => {
    const renewTime = "2030-01-01T00:00:00.000000Z";
    const spec = { holderIdentity: "agent", leaseDurationSeconds: 40, renewTime };
    await patch(path.lease, { spec });
    await agent.apply(Lease, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: own, spec } as KubeObject, {
      fieldManager: "agent",
      force: true,
    });
    await patch(`${path.report}/status`, { status: { healthy: true } });
    await patch(`${path.set}/status`, { status: { epoch: 1 } });
    expect(await find(ClusterReport, "agent", "cluster-west")).toMatchObject({ status: { healthy: true } });
    expect(await find(Lease, "agent", "cluster-west")).toMatchObject({ spec: { holderIdentity: "agent", leaseDurationSeconds: 40 } });
  });

  const owner = [{ apiVersion: "v1", kind: "ConfigMap", name: "x", uid: "7d4f4c66-0b2a-4f0a-9f0e-3d8f9d3f9b11" }];
  const metadata: readonly (readonly [string, object])[] = [
    ["a finalizer, with which its cluster could never be deleted", { finalizers: ["evil.example/stay"] }],
    ["an owner, with which the garbage collector would delete the object", { ownerReferences: owner }],
    ["labels", { labels: { "app.kubernetes.io/managed-by": "evil" } }],
    ["256 KiB of annotations", { annotations: { big: "x".repeat(256 * 1024 - 100) } }],
  ];

  test.each(metadata)("is refused on its Lease: %s", async (_what, change) => {
    expect(await code(patch(path.lease, { metadata: change }))).toBe(403);
    const operations = Object.entries(change).map(([key, value]) => ({ op: "add", path: `/metadata/${key}`, value }));
    expect(await code(patch(path.lease, operations, "application/json-patch+json"))).toBe(403);
    const found = await hub.admin.get(Lease, own);
    expect(await code(agent.replace(Lease, { ...found, metadata: { ...found.metadata, ...change } }))).toBe(403);
    const applied = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { ...own, ...change } } as KubeObject;
    expect(await code(agent.apply(Lease, applied, { fieldManager: "evil", force: true }))).toBe(403);
  });

  test("is refused what fills its Lease up: long strings, and a thousand managers of fields", async () => {
    expect(await code(patch(path.lease, { spec: { holderIdentity: "x".repeat(200_000) } }))).toBe(403);
    // Kubernetes drops these two unless coordinated elections are enabled.
    for (const field of ["preferredHolder", "strategy"])
      expect([0, 403]).toContain(await code(patch(path.lease, { spec: { [field]: "x".repeat(200_000) } })));
    expect(JSON.stringify(await hub.admin.get(Lease, own)).length).toBeLessThan(10_000);
    const managedFields = Array.from({ length: 1000 }, (_, index) => ({
      ...{ manager: `m${index}`, operation: "Update", apiVersion: "coordination.k8s.io/v1", fieldsType: "FieldsV1" },
      fieldsV1: { "f:metadata": { "f:annotations": { [`f:${"x".repeat(100)}${index}`]: {} } } },
    }));
    expect(await code(patch(path.lease, { metadata: { managedFields } }))).toBe(403);
    expect(JSON.stringify(await hub.admin.get(Lease, own)).length).toBeLessThan(10_000);
    // What somebody entitled puts there does not keep the agent from beating.
    await hub.kubectl(["label", "lease", "agent", "-n", "cluster-west", "team=blue"]);
    await hub.kubectl(["annotate", "lease", "agent", "-n", "cluster-west", "note.example/x=y"]);
    await hub.admin.patch(Lease, own, { metadata: { finalizers: ["a.example/b"] }, spec: { renewTime: null } }, { type: "merge" });
    await patch(path.lease, { spec: { holderIdentity: "agent", renewTime: "2030-01-01T00:00:10.000000Z" } });
    await hub.admin.patch(Lease, own, { metadata: { finalizers: null } }, { type: "merge" });
  });

  test.each(metadata)("changes nothing by it on its ClusterReport and its AccessSets: %s", async (_what, change) => {
    expect(await code(patch(path.report, { metadata: change }))).toBe(403);
    expect(await code(patch(path.set, { metadata: change }))).toBe(403);
    const before = await Promise.all([hub.admin.get(ClusterReport, own), hub.admin.get(AccessSet, { ...own, name: "cluster" })]);
    // Kubernetes itself takes no metadata through a status.
    await patch(`${path.report}/status`, { metadata: change, status: { healthy: false } });
    await patch(`${path.set}/status`, { metadata: change, status: { epoch: 2 } });
    const after = await Promise.all([hub.admin.get(ClusterReport, own), hub.admin.get(AccessSet, { ...own, name: "cluster" })]);
    const settable = ({ metadata: { finalizers, ownerReferences, labels, annotations } }: KubeObject) => ({
      ...{ finalizers, ownerReferences, labels, annotations },
    });
    expect(after.map(settable)).toEqual(before.map(settable));
  });

  test("is refused even with every right over resources in its namespace", async () => {
    const apiGroup = "rbac.authorization.k8s.io";
    const roleRef = { apiGroup, kind: "ClusterRole", name: "cluster-admin" };
    const subjects = [{ kind: "ServiceAccount", ...own }];
    await hub.apply({
      apiVersion: `${apiGroup}/v1`,
      kind: "RoleBinding",
      metadata: { name: "slip", namespace: "cluster-west" },
      roleRef,
      subjects,
    });
    await until(async () => (await code(agent.list(ConfigMap, { namespace: "cluster-west" }))) === 0, "it has them");
    try {
      expect(await code(patch(path.lease, { metadata: { finalizers: ["evil.example/stay"] } }))).toBe(403);
      expect(await code(patch(path.report, { metadata: { finalizers: ["evil.example/stay"] } }))).toBe(403);
      expect(await code(agent.delete(Lease, own))).toBe(403);
      expect(await code(agent.delete(ClusterReport, own))).toBe(403);
    } finally {
      await hub.admin.delete(RoleBinding, { name: "slip", namespace: "cluster-west" });
    }
    await until(async () => (await code(agent.list(ConfigMap, { namespace: "cluster-west" }))) === 403, "they are gone");
  });

  test("has on the hub these rights and no others", async () => {
    const rules = async (namespace: string): Promise<string[]> => {
      const body = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
      const review = (await agent.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", { body })) as {
        status: {
          resourceRules: { verbs: string[]; apiGroups?: string[]; resources?: string[]; resourceNames?: string[] }[];
          nonResourceRules: { verbs: string[]; nonResourceURLs?: string[] }[];
        };
      };
      const { resourceRules, nonResourceRules } = review.status;
      return [
        ...resourceRules.map(
          ({ verbs, apiGroups, resources, resourceNames }) =>
            `${verbs.join()} ${apiGroups?.join()}/${resources?.join()}${resourceNames ? ` ${resourceNames.join()}` : ""}`,
        ),
        ...nonResourceRules.map(({ verbs, nonResourceURLs }) => `${verbs.join()} ${[...(nonResourceURLs ?? [])].sort().join(" ")}`),
      ].sort();
    };
    /** What Kubernetes gives to everybody who is authenticated. */
    const everybody = [
      "create authentication.k8s.io/selfsubjectreviews",
      "create authorization.k8s.io/selfsubjectaccessreviews,selfsubjectrulesreviews",
      "get /.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      "get /api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
      "get /healthz /livez /readyz /version /version/",
    ];
    const templates = "get,list,watch drover.dev/clusterroletemplates";
    const minimum = [
      "get,list,watch drover.dev/accesssets",
      "patch coordination.k8s.io/leases agent",
      "patch drover.dev/accesssets/status",
      "patch drover.dev/clusterreports/status agent",
      templates,
    ];
    await until(async () => (await rules("cluster-west")).includes(templates), "it may read templates");
    expect(await rules("cluster-west")).toEqual([...minimum, ...everybody].sort());
    for (const elsewhere of ["cluster-other", "cluster-hub", "drover-system", "default", "kube-system"])
      expect(await rules(elsewhere)).toEqual([templates, ...everybody].sort());
  });
});

describe("the namespace of a cluster or project, with which everybody's access to it would go,", () => {
  const remove = (name: string): Promise<string> =>
    hub.admin.delete(Namespace, { name }).then(
      () => "deleted",
      (error: Error) => error.message,
    );

  test("is not deleted by an administrator of everything while its Cluster or Project stands", async () => {
    await hub.apply(drover(Project, "shop", {}, "cluster-other"));
    await until(async () => (await find(Project, "shop", "cluster-other"))?.status?.namespaceUID !== undefined, "the project's namespace");
    await until(async () => (await condition("hub", "NamespaceReady"))?.status === "True", "the hub's namespace");
    for (const name of ["cluster-hub", "cluster-other", "project-other--shop"]) {
      expect(await remove(name)).toMatch(/drover-backing-namespace-deletion.*backs .*; delete that instead/);
      expect((await find(Namespace, name))?.metadata.deletionTimestamp).toBeUndefined();
    }
  });

  test("is not deleted by the garbage collector for somebody who gives it an owner that is gone", async () => {
    const owner = [{ apiVersion: "v1", kind: "Node", name: "gone", uid: "7d4f4c66-0b2a-4f0a-9f0e-3d8f9d3f9b11" }];
    await hub.admin.patch(Namespace, { name: "cluster-other" }, { metadata: { ownerReferences: owner } }, { type: "merge" });
    const log = async () => (await import("node:fs/promises")).readFile(hub.plane.auditLog, "utf8");
    await until(
      async () =>
        (await log())
          .split("\n")
          .some(
            (line) =>
              /"verb":"delete"/.test(line) &&
              /"resource":"namespaces"[^}]*"name":"cluster-other"/.test(line) &&
              /controller-manager/.test(line) &&
              /"code":403/.test(line),
          ),
      "the garbage collector tried, and was refused",
      GOING_MS,
    );
    await hub.admin.patch(Namespace, { name: "cluster-other" }, { metadata: { ownerReferences: null } }, { type: "merge" });
    expect((await find(Namespace, "cluster-other"))?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("nor is the namespace that Drover itself runs in", async () => {
    expect(await remove("drover-system")).toMatch(/to uninstall Drover/);
  });

  test("goes with its Project and with its Cluster, with Drover's bindings in it", async () => {
    await hub.kubectl(["delete", "project.drover.dev", "shop", "-n", "cluster-other", "--timeout=120s"]);
    expect(await find(Namespace, "project-other--shop")).toBeUndefined();
    expect(await find(RoleBinding, "drover:agent", "cluster-other")).toBeDefined();
    await hub.kubectl(["delete", "cluster.drover.dev", "other", "--timeout=120s"]);
    expect(await find(Namespace, "cluster-other")).toBeUndefined();
  });

  test("once nothing stands behind it, goes for whoever takes the label off first", async () => {
    const labels = { "drover.dev/backs-cluster": "never" };
    await hub.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "cluster-never", labels } });
    expect(await remove("cluster-never")).toContain("drover.dev/backs-cluster-");
    await hub.kubectl(["label", "namespace", "cluster-never", "drover.dev/backs-cluster-"]);
    await hub.kubectl(["delete", "namespace", "cluster-never", "--timeout=120s"]);
  });
});

describe("deleting a cluster in whose namespace somebody left finalizers", () => {
  const finalizers = ["evil.example/stay"];
  const held = async (name: string): Promise<void> => {
    await hub.apply(drover(Cluster, name, { import: {} }));
    await until(async () => (await find(Lease, "agent", clusterNamespace(name))) !== undefined, "the lease");
    await until(async () => (await find(ClusterReport, "agent", clusterNamespace(name))) !== undefined, "the report");
    await until(async () => (await find(ClusterRegistration, "agent", clusterNamespace(name))) !== undefined, "the registration");
  };

  test("on Drover's own objects ends: they are taken off, and the operator says so", async () => {
    await held("stuck");
    const key = { name: "agent", namespace: "cluster-stuck" };
    for (const kind of [Lease, ClusterReport, ClusterRegistration] as Kind<KubeObject>[])
      await hub.admin.patch(kind, key, { metadata: { finalizers } }, { type: "merge" });
    await hub.kubectl(["delete", "cluster.drover.dev", "stuck", "--wait=false"]);
    await gone("stuck");
    expect(await find(Namespace, "cluster-stuck")).toBeUndefined();
    const said = (await operator.output()).split("\n").filter((line) => line.includes("finalizers removed"));
    for (const kind of ["Lease", "ClusterReport", "ClusterRegistration"])
      expect(said.some((line) => line.includes(kind) && line.includes("evil.example/stay"))).toBe(true);
  });

  test("on somebody else's object waits for them, and says for what", async () => {
    await held("waiting");
    const key = { name: "theirs", namespace: "cluster-waiting" };
    await hub.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...key, finalizers } });
    await hub.kubectl(["delete", "cluster.drover.dev", "waiting", "--wait=false"]);
    await until(
      async () => (await condition("waiting", "NamespaceReady"))?.message.includes("evil.example/stay in 1 resource instances") ?? false,
      "it is said",
      GOING_MS,
    );
    expect(await condition("waiting", "NamespaceReady")).toMatchObject({ status: "False", reason: "HeldByFinalizers" });
    await hub.admin.patch(ConfigMap, key, { metadata: { finalizers: null } }, { type: "merge" });
    await gone("waiting");
  });
});

test("Drover is uninstalled as documented: the clusters with their kind while the operators run, then the guards, then the rest", async () => {
  const root = join(import.meta.dirname, "../..");
  await hub.kubectl(["delete", "crd", "clusters.drover.dev", "--timeout=150s"]);
  const namespaces = (await hub.admin.list(Namespace)).items.map(({ metadata }) => metadata.name);
  expect(namespaces.filter((name) => /^(cluster|project)-/.test(name))).toEqual([]);
  await operator.stop();
  await hub.kubectl(["delete", "-k", join(root, "deploy/bases/guards")]);
  // A guard that is gone may refuse for a moment more.
  await until(async () => (await code(hub.admin.delete(Namespace, { name: "drover-system" }, { dryRun: true }))) === 0, "no guard");
  await hub.kubectl(["delete", "-k", join(root, "deploy/bases/hub-config"), "--ignore-not-found", "--timeout=150s"]);
  expect(await find(Namespace, "drover-system")).toBeUndefined();
  await hub.kubectl(["delete", "clusterrolebindings", "-l", "app.kubernetes.io/managed-by=drover"]);
  const kinds = "namespaces,crd,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
  const left = (await hub.kubectl(["get", kinds, "-o", "name"])).split("\n").filter((name) => name.includes("drover"));
  expect(left).toEqual([]);
});
