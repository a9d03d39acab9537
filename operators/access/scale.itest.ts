// What one cluster's size, or one object that cannot be written, does to others: the access operator under its own Role against a real hub.
// The namespaces are made by hand, so that nobody else changes a Cluster's status.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "../../crds/v1alpha1/projectroletemplatebinding.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { wholeMembers } from "../../lib/access/members.ts";
import { clusterNamespace, LABEL, projectNamespace } from "../../lib/access/names.ts";
import { Namespace } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { startHub, type TestHub, type TestProcess } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

jest.setTimeout(180_000);

let hub: TestHub;
let operator: TestProcess;

beforeAll(async () => {
  hub = await startHub();
  operator = await hub.start("operator-access");
  await hub.apply(
    object("AuthProvider", "corp", { local: {} }),
    ...["alice", "bob"].map((name) => object("User", name, { enabled: true })),
    object("ClusterRoleTemplate", "pod-reader", {
      displayName: "Pod reader",
      context: "Project",
      rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
    }),
  );
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

const object = (kind: string, name: string, spec: object, namespace?: string): KubeObject =>
  ({ apiVersion: "drover.dev/v1alpha1", kind, metadata: { name, ...(namespace && { namespace }) }, spec }) as KubeObject;
const user = (name: string) => ({ kind: "User", name });
const binding = (cluster: string, project: string, name: string, subject: object): ProjectRoleTemplateBinding =>
  object(
    "ProjectRoleTemplateBinding",
    name,
    { template: "pod-reader", subject },
    projectNamespace(cluster, project),
  ) as ProjectRoleTemplateBinding;

/** A cluster with projects, as the clusters operator would have made them ready. */
async function ready(cluster: string, ...projects: string[]): Promise<void> {
  const backing = (name: string, labels: Record<string, string>) =>
    hub.admin.create(Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
  const mark = (kind: Kind<KubeObject>, key: { name: string; namespace?: string }, uid: string | undefined) =>
    hub.admin.patch(kind, key, { status: { namespaceUID: uid } }, { type: "merge", subresource: "status" });
  const namespace = clusterNamespace(cluster);
  const made = await backing(namespace, { [LABEL.backsCluster]: cluster });
  await hub.apply(object("Cluster", cluster, { import: {} }));
  await mark(Cluster, { name: cluster }, made.metadata.uid);
  for (const name of projects) {
    const { metadata } = await backing(projectNamespace(cluster, name), { [LABEL.backsCluster]: cluster, [LABEL.backsProject]: name });
    await hub.apply(object("Project", name, {}, namespace));
    await mark(Project, { name, namespace }, metadata.uid);
  }
}

const setsOf = async (cluster: string) => (await hub.admin.list(AccessSet, { namespace: clusterNamespace(cluster) })).items;
const grants = async (cluster: string): Promise<string[]> =>
  (await setsOf(cluster))
    .flatMap(({ spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => `${spec.project?.name ?? ""} ${s.name}`)))
    .sort();
const compiled = async (cluster: string) =>
  (await hub.admin.get(Cluster, { name: cluster })).status?.conditions?.find(({ type }) => type === "AccessCompiled");

describe("a project with 1,500 bindings of long group names", () => {
  const groups = Array.from({ length: 1500 }, (_, n) => `${"ä".repeat(165)}${n}`);

  test("is compiled into objects that etcd takes, all of it, and so is who may reach the cluster", async () => {
    await ready("large", "big", "after");
    const made = groups.map((name, n) => binding("large", "big", `g${n}`, { kind: "Group", provider: "corp", name }));
    for (let at = 0; at < made.length; at += 50) {
      await Promise.all(made.slice(at, at + 50).map((one) => hub.admin.create(ProjectRoleTemplateBinding, one)));
    }
    await hub.apply(binding("large", "after", "alice", user("alice")));
    await until(async () => (await grants("large")).length === 1501, "everybody is in a set", 120_000);
    await until(async () => (await compiled("large"))?.reason === "Compiled", "and the cluster says so");
    for (const set of await setsOf("large")) expect(JSON.stringify(set).length).toBeLessThan(512 * 1024);
    const { items } = await hub.admin.list(ClusterMembers, { namespace: clusterNamespace("large") });
    expect(items.length).toBeGreaterThan(4);
    for (const part of items) expect(JSON.stringify(part).length).toBeLessThan(512 * 1024);
    const whole = wholeMembers((name) => items.find(({ metadata }) => metadata.name === name));
    expect([whole?.spec.users.length, whole?.spec.groups.length]).toEqual([1, 1500]);
  });

  test("can be revoked, and leaves no part behind", async () => {
    await hub.kubectl(["delete", "projectroletemplatebindings", "--all", "-n", projectNamespace("large", "big"), "--wait=false"]);
    await until(async () => (await grants("large")).join() === "after drover:user:alice", "only alice is left", 120_000);
    const left = async () => (await hub.admin.list(ClusterMembers, { namespace: clusterNamespace("large") })).items;
    await until(async () => (await left()).map(({ metadata }) => metadata.name).join() === "members", "one object is left");
    expect((await setsOf("large")).map(({ metadata }) => metadata.name)).toEqual(["cluster", "project-after", "project-big"]);
  });
});

describe("what says nothing about access", () => {
  /** How often clusters were compiled, and bindings evaluated, by the operator's own count. */
  const passes = async (reconciler: string): Promise<number> => {
    const text = await (await fetch(`${operator.url}/metrics`)).text();
    const lines = text
      .split("\n")
      .filter((line) => line.startsWith("drover_reconciles_total") && line.includes(`reconciler="${reconciler}"`));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
  const statusOf = (kind: Kind<KubeObject>, name: string, status: object) =>
    hub.admin.patch(kind, { name }, { status }, { type: "merge", subresource: "status" });

  test("a cluster's heartbeats, and logins of people who are bound everywhere, compile nothing and evaluate nothing", async () => {
    await ready("quiet", "p");
    await hub.apply(
      object("GlobalRoleBinding", "alice-admin", { globalRole: "admin", subject: user("alice") }),
      binding("quiet", "p", "alice", user("alice")),
    );
    await until(async () => (await grants("quiet")).length === 2, "alice is granted both");
    const counted = ["cluster-access", "projectroletemplatebinding-status", "globalrolebinding-status"];
    const count = (): Promise<number[]> => Promise.all(counted.map(passes));
    let before = await count();
    let since = performance.now();
    await until(async () => {
      const now = await count();
      if (now.join() !== before.join()) since = performance.now();
      before = now;
      return performance.now() - since > 1000;
    }, "nothing is under way");
    for (let n = 0; n < 20; n++) {
      const at = new Date(Date.now() + n * 1000).toISOString();
      await statusOf(Cluster, "quiet", { lastHeartbeatTime: at, nodes: { total: n, ready: n } });
      await statusOf(User, "alice", { lastLoginTime: at });
    }
    // What comes after them in the same watches shows that they were seen.
    await hub.apply(object("User", "alice", { enabled: false }));
    await until(async () => (await grants("quiet")).length === 0, "alice's end is seen");
    const after = await count();
    // Disabling her concerns each cluster, and her bindings, a few times: not sixty times.
    const passed = after.map((total, index) => total - (before[index] ?? 0));
    expect(Math.max(...passed)).toBeLessThan(20);
    await hub.apply(object("User", "alice", { enabled: true }));
    await until(async () => (await grants("quiet")).length === 2, "alice is back");
    await hub.kubectl(["delete", "globalrolebinding", "alice-admin"]);
    await until(async () => (await grants("quiet")).length === 1, "alice is no administrator any more");
  });
});

describe("an object that the API server refuses", () => {
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "test-refuses" },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ["drover.dev"], apiVersions: ["*"], operations: ["CREATE", "UPDATE"], resources: ["accesssets", "clustermembers"] },
        ],
      },
      validations: [
        {
          expression: "!(object.metadata.name in ['project-a', 'members']) || object.metadata.namespace != 'cluster-stuck'",
          message: "refused by the test",
        },
      ],
    },
  };
  const bound = {
    apiVersion: policy.apiVersion,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: policy.metadata,
    spec: { policyName: "test-refuses", validationActions: ["Deny"] },
  };

  test("keeps no withdrawal in the same cluster from happening, and no grant; the condition names it", async () => {
    await ready("stuck", "a", "b", "z");
    await hub.apply(
      binding("stuck", "a", "one", user("alice")),
      binding("stuck", "z", "one", user("alice")),
      binding("stuck", "z", "two", user("bob")),
    );
    await until(async () => (await grants("stuck")).length === 3, "everything is granted");
    await hub.apply(policy, bound);
    const members = { ...object("ClusterMembers", "members", { users: [], groups: [], everyone: false, parts: 1 }, "cluster-stuck") };
    const refused = () =>
      hub.admin.apply(ClusterMembers, members, { fieldManager: "test", force: true, dryRun: true }).then(
        () => false,
        (error: Error) => /refused by the test/.test(error.message),
      );
    await until(refused, "the policy is in force");
    await hub.apply(binding("stuck", "a", "two", user("bob")), binding("stuck", "b", "one", user("bob")));
    await hub.kubectl(["delete", "projectroletemplatebinding", "one", "-n", projectNamespace("stuck", "z")]);
    await until(
      async () => (await grants("stuck")).join() === "a drover:user:alice,b drover:user:bob,z drover:user:bob",
      "z is revoked, b granted",
    );
    await until(async () => (await compiled("stuck"))?.reason === "ReconcileFailed", "the cluster says that not all is written");
    await hub.kubectl(["delete", "project.drover.dev", "b", "-n", "cluster-stuck"]);
    await until(async () => !(await grants("stuck")).join().includes("b "), "a project that goes takes its set along");
    await hub.apply(binding("stuck", "z", "three", { kind: "Group", provider: "corp", name: "new" }));
    await until(async () => ((await compiled("stuck"))?.message ?? "").match(/members.*project-a/s) !== null, "both are named");
    await hub.kubectl(["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "test-refuses"]);
    await until(async () => (await compiled("stuck"))?.reason === "Compiled", "once it is taken, all is well", 90_000);
    expect(await grants("stuck")).toContain("a drover:user:bob");
  });
});
