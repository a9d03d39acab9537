// The clusters operator, under its own Role, against a real hub: namespaces, registration, connection, deletion.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { AccessCompiled, Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { clusterNamespace, projectNamespace } from "../../lib/access/names.ts";
import { type ApiError, isForbidden, KubeClient } from "../../lib/kube/client.ts";
import { ClusterRoleBinding, ConfigMap, Event, Lease, Namespace, RoleBinding, Secret, ServiceAccount } from "../../lib/kube/core.ts";
import type { Key, Kind, KubeObject } from "../../lib/kube/object.ts";
import { startHub, type TestHub, type TestProcess } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

jest.setTimeout(120_000);
/** Kubernetes takes five seconds and more for a namespace, and a busy machine some time. */
const GOING_MS = 90_000;

let hub: TestHub;
let operator: TestProcess;
let config: object;

beforeAll(async () => {
  hub = await startHub({ controllerManager: true });
  const caFile = join(hub.plane.directory, "ca.crt");
  await writeFile(caFile, hub.plane.ca);
  config = {
    ...{ authURL: "https://auth.test", proxyURLs: ["https://api.test"], caFile, agentImage: "drover:test", deletionGraceSeconds: 3 },
    leaderElection: { leaseDurationSeconds: 8, renewDeadlineSeconds: 6, retryPeriodSeconds: 0.5 },
  };
  operator = await hub.start("operator-clusters", config);
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

const drover = (kind: { kind: string }, name: string, spec: object, namespace?: string) => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: kind.kind,
  metadata: { name, ...(namespace && { namespace }) },
  spec,
});
const cluster = (name: string) => drover(Cluster, name, { import: {} });
const find = <T extends KubeObject>(kind: Kind<T>, name: string, namespace?: string): Promise<T | undefined> =>
  hub.admin.find(kind, namespace === undefined ? { name } : { name, namespace });
const exists = async (kind: Kind<KubeObject>, name: string, namespace?: string) => (await find(kind, name, namespace)) !== undefined;

interface WithConditions extends KubeObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string; readonly message: string }[];
  };
}
async function condition(kind: Kind<KubeObject>, key: Key, type: string) {
  const object = (await hub.admin.find(kind, key)) as WithConditions | undefined;
  return object?.status?.conditions?.find((one) => one.type === type);
}
const hasReason = (kind: Kind<KubeObject>, key: Key, type: string, reason: string): Promise<void> =>
  until(async () => (await condition(kind, key, type))?.reason === reason, `${kind.kind} ${key.name} says ${type}: ${reason}`);

async function tokenIn(name: string): Promise<string> {
  const secret = await hub.admin.get(Secret, { namespace: clusterNamespace(name), name: "agent-registration" });
  return Buffer.from(secret.data?.token ?? "", "base64").toString();
}
const manifestOf = async (name: string): Promise<string> =>
  Buffer.from(
    (await hub.admin.get(Secret, { namespace: clusterNamespace(name), name: "agent-manifest" })).data?.["manifest.yaml"] ?? "",
    "base64",
  ).toString();

/** As auth would: puts a key on record. */
async function register(name: string): Promise<void> {
  const key = { namespace: clusterNamespace(name), name: "agent" };
  const status = { publicKey: Buffer.alloc(32, 7).toString("base64"), fingerprint: "SHA256:x", registeredAt: "2026-01-01T00:00:00Z" };
  await hub.admin.patch(ClusterRegistration, key, { status }, { type: "merge", subresource: "status" });
}
/** As the agent would; `renewTime` by its own clock. */
async function renewLease(name: string, renewTime = new Date().toISOString().replace("Z", "000Z")): Promise<void> {
  await until(() => exists(Lease, "agent", clusterNamespace(name)), "the Lease");
  await hub.admin.patch(
    Lease,
    { namespace: clusterNamespace(name), name: "agent" },
    { spec: { renewTime, holderIdentity: "agent" } },
    { type: "merge" },
  );
}
/** As the access operator would. */
async function compiled(name: string): Promise<void> {
  const { apiVersion, kind } = Cluster;
  const { generation } = (await hub.admin.get(Cluster, { name })).metadata;
  const { type, Compiled: reason } = AccessCompiled;
  const conditions = [
    { type, status: "True", reason, message: "", observedGeneration: generation, lastTransitionTime: "2026-01-01T00:00:00Z" },
  ];
  const said = { apiVersion, kind, metadata: { name }, status: { conditions } };
  await hub.admin.apply(Cluster, said, { fieldManager: "cluster-access", subresource: "status" });
}
const report = (name: string, status: object) =>
  hub.admin.patch(
    ClusterReport,
    { namespace: clusterNamespace(name), name: "agent" },
    { status },
    { type: "merge", subresource: "status" },
  );
const healthy = {
  agentVersion: "0.1.0",
  kubernetesVersion: "v1.36.3",
  healthy: true,
  nodes: { total: 3, ready: 2 },
  guards: { state: "Enforced" },
  access: { epochs: [{ set: "cluster", epoch: 1 }] },
};

describe("a cluster", () => {
  test("the Cluster hub is made at the start, with its label, and like any other it gets a namespace and a manifest", async () => {
    await hasReason(Cluster, { name: "hub" }, "NamespaceReady", "Ready");
    expect((await find(Cluster, "hub"))?.metadata.labels).toMatchObject({ "drover.dev/hub": "true" });
    await until(() => exists(Secret, "agent-manifest", "cluster-hub"), "the hub's manifest");
    expect(await manifestOf("hub")).toContain("https://kubernetes.default.svc");
  });

  test("gets a namespace, an account with its rights, a Lease, a ClusterReport, a token and a manifest", async () => {
    await hub.apply(cluster("east"));
    await hasReason(Cluster, { name: "east" }, "Registered", "WaitingForAgent");
    const namespace = "cluster-east";
    await until(() => exists(Secret, "agent-manifest", namespace), "the manifest");
    expect((await find(Namespace, namespace))?.metadata.labels).toMatchObject({ "drover.dev/backs-cluster": "east" });
    await until(
      async () => (await exists(Lease, "agent", namespace)) && (await exists(ClusterReport, "agent", namespace)),
      "lease and report",
    );
    expect((await find(RoleBinding, "drover:agent", namespace))?.roleRef.name).toBe("drover:cluster-agent");
    expect((await find(RoleBinding, "drover:agent-token-minter", namespace))?.subjects).toEqual([
      { kind: "ServiceAccount", name: "auth", namespace: "drover-system" },
    ]);
    const token = await tokenIn("east");
    const registration = await hub.admin.get(ClusterRegistration, { namespace, name: "agent" });
    expect(registration.spec.tokenHash).toBe(createHash("sha256").update(token).digest("hex"));
    expect(await manifestOf("east")).toContain(Buffer.from(token).toString("base64"));
    await until(async () => {
      const readers = await find(ClusterRoleBinding, "drover:template-readers");
      return readers?.subjects?.some((subject) => subject.namespace === namespace) ?? false;
    }, "it may read templates");
  });

  test("becomes ready when its agent is registered, renews its Lease, probed its guards and applied its grants, and says why until then", async () => {
    await hasReason(Cluster, { name: "east" }, "Ready", "WaitingForAgent");
    await register("east");
    await hasReason(Cluster, { name: "east" }, "Ready", "NeverConnected");
    await until(async () => !(await exists(Secret, "agent-manifest", "cluster-east")), "the manifest is gone");
    expect(await exists(Secret, "agent-registration", "cluster-east")).toBe(false);
    await renewLease("east");
    await hasReason(Cluster, { name: "east" }, "Ready", "GuardsNotEnforced");
    await report("east", healthy);
    await hasReason(Cluster, { name: "east" }, "Ready", "Pending");
    expect((await condition(Cluster, { name: "east" }, "Ready"))?.message).toBe("condition AccessCompiled is not reported yet");
    await compiled("east");
    await hasReason(Cluster, { name: "east" }, "Ready", "Ready");
    await hub.kubectl(["wait", "--for=condition=Ready", "clusters.drover.dev/east", "--timeout=10s"]);
    expect((await find(Cluster, "east"))?.status).toMatchObject({ kubernetesVersion: "v1.36.3", nodes: { total: 3, ready: 2 } });
  });

  test("stays connected though its agent's clock is an hour behind", async () => {
    await renewLease("east", new Date(Date.now() - 3600_000).toISOString().replace("Z", "000Z"));
    const lease = await hub.admin.get(Lease, { namespace: "cluster-east", name: "agent" });
    await until(async () => {
      const seen = (await find(Cluster, "east"))?.status?.lastHeartbeatTime ?? "";
      return Date.now() - Date.parse(seen) < 120_000 && lease.spec?.renewTime !== undefined;
    }, "the heartbeat by the hub's clock");
    expect((await condition(Cluster, { name: "east" }, "Connected"))?.status).toBe("True");
  });

  test("whose ClusterRegistration is deleted gets another token", async () => {
    await hub.apply(cluster("again"));
    await until(() => exists(Secret, "agent-manifest", "cluster-again"), "the manifest");
    const first = await tokenIn("again");
    await register("again");
    await hasReason(Cluster, { name: "again" }, "Registered", "Registered");
    await until(async () => !(await exists(Secret, "agent-manifest", "cluster-again")), "the manifest is gone");
    await hub.kubectl(["delete", "clusterregistration", "agent", "-n", "cluster-again"]);
    await until(() => exists(Secret, "agent-manifest", "cluster-again"), "another manifest");
    expect(await tokenIn("again")).not.toBe(first);
  });

  test("whose agent's key is revoked has no token of that agent left that the hub takes", async () => {
    await hub.apply(cluster("left"));
    await until(() => exists(Secret, "agent-manifest", "cluster-left"), "the manifest");
    await register("left");
    const account = { namespace: "cluster-left", name: "agent" };
    const madeFor = async (): Promise<string | undefined> =>
      (await find(ServiceAccount, "agent", "cluster-left"))?.metadata.annotations?.["drover.dev/agent-key"];
    await until(async () => (await madeFor()) !== undefined, "the account is that of the key");
    const { token } = await hub.admin.requestToken(account);
    const agent = new KubeClient({ server: hub.plane.server, ca: hub.plane.ca, token: async () => token });
    const answer = (): Promise<unknown> => agent.list(AccessSet, { namespace: account.namespace }).catch((error: unknown) => error);
    await until(async () => !((await answer()) instanceof Error), "the agent reads its sets");
    await hub.kubectl(["delete", "clusterregistration", "agent", "-n", "cluster-left"]);
    await until(async () => ((await answer()) as ApiError).code === 401, "its token is refused");
    await until(() => exists(ServiceAccount, "agent", "cluster-left"), "another account");
    expect(await madeFor()).toBeUndefined();
    await agent.close();
  });

  test("whose token ran out unused gets another one", async () => {
    await hub.apply(cluster("late"));
    await until(() => exists(Secret, "agent-manifest", "cluster-late"), "the manifest");
    const first = await tokenIn("late");
    const key = { namespace: "cluster-late", name: "agent" };
    await hub.admin.patch(ClusterRegistration, key, { spec: { expiresAt: "2020-01-01T00:00:00Z" } }, { type: "merge" });
    await until(async () => (await tokenIn("late")) !== first, "another token");
    const token = await tokenIn("late");
    await until(async () => (await manifestOf("late")).includes(Buffer.from(token).toString("base64")), "the manifest carries it");
  });
});

describe("namespaces that somebody prepared", () => {
  const namespace = (name: string, labels: Record<string, string> = {}) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels },
  });
  const binding = (ns: string) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "mine", namespace: ns },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "edit" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "mallory" }],
  });

  test("without the label are refused, until they are labelled", async () => {
    await hub.apply(namespace("cluster-bare"), cluster("bare"));
    await hasReason(Cluster, { name: "bare" }, "NamespaceReady", "NameTaken");
    await hub.kubectl(["label", "namespace", "cluster-bare", "drover.dev/backs-cluster=bare"]);
    await hasReason(Cluster, { name: "bare" }, "NamespaceReady", "Ready");
  });

  test("with somebody's RoleBinding inside are refused, and nothing is made in them", async () => {
    const labels = { "drover.dev/backs-cluster": "east", "drover.dev/backs-project": "x" };
    await hub.apply(namespace("project-east--x", labels), binding("project-east--x"), drover(Project, "x", {}, "cluster-east"));
    await hasReason(Project, { name: "x", namespace: "cluster-east" }, "NamespaceReady", "NameTaken");
    expect((await condition(Project, { name: "x", namespace: "cluster-east" }, "NamespaceReady"))?.message).toContain("RoleBinding mine");
    await hub.kubectl(["delete", "rolebinding", "mine", "-n", "project-east--x"]);
    await hasReason(Project, { name: "x", namespace: "cluster-east" }, "NamespaceReady", "Ready");
    await hub.apply(binding("project-east--x"));
    await hub.kubectl(["annotate", "project", "x", "-n", "cluster-east", "touched=yes"]);
    await hub.kubectl(["label", "namespace", "project-east--x", "drover.dev/backs-project-"]);
    await until(
      async () => (await find(Namespace, "project-east--x"))?.metadata.labels?.["drover.dev/backs-project"] === "x",
      "the label is back",
    );
    await hasReason(Project, { name: "x", namespace: "cluster-east" }, "NamespaceReady", "Ready");
  });

  test("with an account named agent inside are refused: its tokens would be the agent's", async () => {
    await hub.apply(namespace("cluster-sly", { "drover.dev/backs-cluster": "sly" }));
    await hub.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "agent", namespace: "cluster-sly" } }, cluster("sly"));
    await hasReason(Cluster, { name: "sly" }, "NamespaceReady", "NameTaken");
    expect(await exists(RoleBinding, "drover:agent", "cluster-sly")).toBe(false);
    await hub.kubectl(["delete", "cluster.drover.dev", "sly", "--timeout=30s"]);
    expect(await exists(Namespace, "cluster-sly")).toBe(true);
  });

  test("cannot be prepared at all by somebody who may create namespaces only", async () => {
    const probe = await hub.admin.requestToken({ namespace: "drover-system", name: "guard-probe" }, {});
    const client = new KubeClient({ server: hub.plane.server, ca: hub.plane.ca, token: () => Promise.resolve(probe.token) });
    const refused = await client.create(Namespace, namespace("cluster-prepared")).catch((error: unknown) => error);
    await client.close();
    expect(isForbidden(refused)).toBe(true);
  });
});

describe("projects", () => {
  test("a project outside any cluster's namespace says so", async () => {
    await hub.apply(drover(Project, "stray", {}, "default"));
    await hasReason(Project, { name: "stray", namespace: "default" }, "NamespaceReady", "ScopeNotFound");
  });

  test("a project that goes takes its namespace along", async () => {
    await hub.apply(drover(Project, "gone", {}, "cluster-east"));
    await hasReason(Project, { name: "gone", namespace: "cluster-east" }, "NamespaceReady", "Ready");
    await hub.kubectl(["delete", "project.drover.dev", "gone", "-n", "cluster-east", "--timeout=60s"]);
    expect(await exists(Namespace, projectNamespace("east", "gone"))).toBe(false);
  });
});

describe("deleting a cluster", () => {
  test("that never had an agent ends at once, its projects and their namespaces included", async () => {
    await hub.apply(cluster("new"));
    await hasReason(Cluster, { name: "new" }, "NamespaceReady", "Ready");
    await hub.apply(drover(Project, "p", {}, "cluster-new"));
    await hasReason(Project, { name: "p", namespace: "cluster-new" }, "NamespaceReady", "Ready");
    await hub.kubectl(["delete", "cluster.drover.dev", "new", "--timeout=60s"]);
    expect(await exists(Namespace, "cluster-new")).toBe(false);
    expect(await exists(Namespace, "project-new--p")).toBe(false);
  });

  test("takes its projects' namespaces along while its own must stay, and lets the Projects go", async () => {
    const held = { name: "early", finalizers: ["drover.dev/test"] };
    await hub.apply({ ...cluster("early"), metadata: held });
    await hasReason(Cluster, held, "NamespaceReady", "Ready");
    const projects = ["p", "q"].map((name) => ({ name, namespace: "cluster-early" }));
    await hub.apply(...projects.map(({ name, namespace }) => drover(Project, name, {}, namespace)));
    for (const key of projects) await hasReason(Project, key, "NamespaceReady", "Ready");
    await hub.kubectl(["delete", "cluster.drover.dev", "early", "--wait=false"]);
    for (const { name } of projects)
      await until(
        async () => !(await exists(Namespace, projectNamespace("early", name))),
        `the namespace of project ${name} is gone`,
        GOING_MS,
      );
    expect((await find(Namespace, "cluster-early"))?.metadata).not.toHaveProperty("deletionTimestamp");
    for (const key of projects) {
      expect((await hub.admin.get(Project, key)).metadata).not.toHaveProperty("finalizers");
      expect((await condition(Project, key, "NamespaceReady"))?.message).toContain("being deleted");
    }
    await hub.admin.patch(Cluster, held, { metadata: { finalizers: ["drover.dev/cluster-namespace"] } }, { type: "merge" });
    await until(async () => !(await exists(Cluster, "early")), "the Cluster is gone", GOING_MS);
    expect(await exists(Namespace, "cluster-early")).toBe(false);
  });

  test("waits until its projects' namespaces are gone too, and keeps what somebody else holds it by", async () => {
    const unmanaged = "test.drover.dev/unmanaged";
    await hub.apply({ ...cluster("slow"), metadata: { name: "slow", finalizers: [unmanaged] } });
    await until(() => exists(Secret, "agent-manifest", "cluster-slow"), "the manifest");
    await register("slow");
    await until(() => exists(ClusterReport, "agent", "cluster-slow"), "the report");
    await hub.apply(drover(Project, "p", {}, "cluster-slow"));
    await hasReason(Project, { name: "p", namespace: "cluster-slow" }, "NamespaceReady", "Ready");
    const stuck = { namespace: "project-slow--p", name: "stuck" };
    await hub.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { ...stuck, finalizers: [unmanaged] } });
    await report("slow", { teardown: "Done" });
    await hub.kubectl(["delete", "cluster.drover.dev", "slow", "--wait=false"]);
    await until(async () => !(await exists(Namespace, "cluster-slow")), "the cluster's namespace is gone", GOING_MS);
    expect([...((await find(Cluster, "slow"))?.metadata.finalizers ?? [])].sort()).toEqual(["drover.dev/cluster-namespace", unmanaged]);
    await hub.admin.patch(ConfigMap, stuck, { metadata: { finalizers: [] } }, { type: "merge" });
    const finalizers = async (): Promise<unknown> => (await hub.admin.get(Cluster, { name: "slow" })).metadata.finalizers;
    await until(async () => JSON.stringify(await finalizers()) === JSON.stringify([unmanaged]), "only somebody else holds it", GOING_MS);
    expect(await exists(Namespace, "project-slow--p")).toBe(false);
    // What it said when it was torn down was not taken back when the agent's report went with the namespace.
    expect(await condition(Cluster, { name: "slow" }, "TornDown")).toMatchObject({ status: "True", reason: "Done" });
    // Nor does it say that its agent never registered.
    expect(await condition(Cluster, { name: "slow" }, "Registered")).toMatchObject({ status: "True", reason: "Registered" });
    await hub.admin.patch(Cluster, { name: "slow" }, { metadata: { finalizers: [] } }, { type: "merge" });
    await until(async () => !(await exists(Cluster, "slow")), "the Cluster is gone", GOING_MS);
  });

  test("waits for its agent to clean up, and keeps the agent's rights until then", async () => {
    await hub.apply(cluster("leaving"));
    await until(() => exists(Secret, "agent-manifest", "cluster-leaving"), "the manifest");
    await register("leaving");
    await until(() => exists(ClusterReport, "agent", "cluster-leaving"), "the report");
    await renewLease("leaving");
    await hasReason(Cluster, { name: "leaving" }, "Connected", "Connected");
    await hub.kubectl(["delete", "cluster.drover.dev", "leaving", "--wait=false"]);
    await hasReason(Cluster, { name: "leaving" }, "TornDown", "CleaningUp");
    await hasReason(Cluster, { name: "leaving" }, "Ready", "Deleting");
    expect(await exists(RoleBinding, "drover:agent", "cluster-leaving")).toBe(true);
    await report("leaving", { teardown: "Done" });
    await until(async () => !(await exists(Cluster, "leaving")), "the Cluster is gone");
    expect(await exists(Namespace, "cluster-leaving")).toBe(false);
  });

  test("whose agent does not answer ends after the grace period, and says what was left", async () => {
    await hub.apply(cluster("lost"));
    await until(() => exists(Secret, "agent-manifest", "cluster-lost"), "the manifest");
    await register("lost");
    await hasReason(Cluster, { name: "lost" }, "Registered", "Registered");
    await hub.kubectl(["delete", "cluster.drover.dev", "lost", "--wait=false"]);
    await hasReason(Cluster, { name: "lost" }, "TornDown", "LeftBehind");
    await until(async () => !(await exists(Cluster, "lost")), "the Cluster is gone");
  });
});

describe("the operator itself", () => {
  test("killed and started again writes nothing while nothing changed", async () => {
    await until(async () => (await condition(Cluster, { name: "late" }, "Registered"))?.reason === "WaitingForAgent", "quiet");
    // No Lease is renewed here any more; reporting that would be a change.
    const silent = async () => (await condition(Cluster, { name: "east" }, "Connected"))?.reason === "HeartbeatLost";
    await until(silent, "east is reported as disconnected", 60_000);
    const before = await versions();
    await operator.stop();
    operator = await hub.start("operator-clusters", config);
    await hub.apply(cluster("after"));
    await until(() => exists(Secret, "agent-manifest", "cluster-after"), "it works again");
    const after = await versions();
    for (const [name, version] of before) expect([name, after.get(name)]).toEqual([name, version]);
  });

  test("its reconcilers, several to one Cluster, never fail for each other's sake", async () => {
    const { output } = operator;
    const clusters = Array.from({ length: 6 }, (_, index) => `busy${index}`);
    await hub.apply(...clusters.map(cluster));
    for (const name of clusters) await hasReason(Cluster, { name }, "Registered", "WaitingForAgent");
    await hub.kubectl(["delete", "cluster.drover.dev", ...clusters, "--timeout=60s"]);
    const failures = (await output()).split("\n").filter((line) => line.includes("reconciling failed"));
    expect(failures.filter((line) => line.includes("/clusters/busy"))).toEqual([]);
  });

  test("no token is in its log, in an event or in a status", async () => {
    const tokens = await Promise.all(["late", "again", "after", "hub"].map(tokenIn));
    const events = JSON.stringify((await hub.admin.list(Event)).items);
    const clusters = JSON.stringify([(await hub.admin.list(Cluster)).items, (await hub.admin.list(ClusterRegistration)).items]);
    const log = await operator.output();
    expect(log).toContain("registration prepared");
    for (const token of tokens) {
      for (const text of [log, events, clusters]) {
        expect(text).not.toContain(token);
        expect(text).not.toContain(Buffer.from(token).toString("base64"));
      }
    }
  });

  // Not before the operator is started again: it then writes the manifests that were made earlier once more.
  test("a new cluster gets a manifest with the authorities that the file holds by then, also when they changed while the operator runs", async () => {
    const another = hub.plane.serving.intermediate("a new authority").cert;
    await writeFile(join(hub.plane.directory, "ca.crt"), hub.plane.ca + another);
    await hub.apply(cluster("rotated"));
    await until(() => exists(Secret, "agent-manifest", "cluster-rotated"), "the manifest");
    expect(await manifestOf("rotated")).toContain(another.split("\n")[1]);
  });

  test("it cannot read a Secret of any other name, nor bind any role but its three", async () => {
    const as = ["--as", "system:serviceaccount:drover-system:operator-clusters"];
    const can = async (...args: string[]) => (await hub.kubectl(["auth", "can-i", ...args, ...as]).catch(() => "no")).trim();
    expect(await can("get", "secrets/agent-manifest", "-A")).toBe("yes");
    expect(await can("get", "secrets/alice-password", "-n", "drover-system")).toBe("no");
    expect(await can("list", "secrets", "-A")).toBe("no");
    expect(await can("bind", "clusterroles/cluster-admin")).toBe("no");
    expect(await can("escalate", "clusterroles")).toBe("no");
  });
});

/** Everything that the operator keeps, but what others renew. */
async function versions(): Promise<Map<string, string>> {
  const kinds = [
    Cluster,
    Project,
    Namespace,
    RoleBinding,
    ServiceAccount,
    ClusterRegistration,
    ClusterReport,
    ClusterRoleBinding,
    Secret,
  ] as readonly Kind<KubeObject>[];
  const lists = await Promise.all(kinds.map((kind) => hub.admin.list(kind)));
  const ours = lists.flatMap(({ items }, i) =>
    items.map((object) => [`${kinds[i]?.kind} ${object.metadata.namespace}/${object.metadata.name}`, object] as const),
  );
  return new Map(
    ours.filter(([name]) => !name.includes("template-readers")).map(([name, { metadata }]) => [name, metadata.resourceVersion ?? ""]),
  );
}
