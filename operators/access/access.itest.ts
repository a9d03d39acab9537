// The access operator, under its own Role and beside the clusters operator, against a real hub: what people wrote, in whatever order
// and however often, ends in the same AccessSets, ClusterMembers and conditions.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
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
import { readHistory } from "../../lib/access/guard-history.ts";
import { clusterNamespace } from "../../lib/access/names.ts";
import { ConfigMap, Namespace, ValidatingAdmissionPolicyBinding } from "../../lib/kube/core.ts";
import type { Key, Kind, KubeObject } from "../../lib/kube/object.ts";
import { startHub, type TestHub, type TestProcess } from "../../test/hub.ts";
import { until } from "../../test/until.ts";

jest.setTimeout(180_000);

let hub: TestHub;
let operator: TestProcess;
const leaderElection = { leaseDurationSeconds: 8, renewDeadlineSeconds: 6, retryPeriodSeconds: 0.5 };
const startOperator = () => hub.start("operator-access", { leaderElection });

beforeAll(async () => {
  hub = await startHub({ controllerManager: true });
  const caFile = join(hub.plane.directory, "ca.crt");
  await writeFile(caFile, hub.plane.ca);
  const urls = { authURL: "https://auth.test", proxyURLs: ["https://api.test"], caFile, agentImage: "drover:test" };
  await hub.start("operator-clusters", { ...urls, deletionGraceSeconds: 2, leaderElection });
  operator = await startOperator();
}, 900_000);
afterAll(async () => {
  await hub?.stop();
}, 60_000);

const object = (
  kind: { readonly kind: string },
  name: string,
  spec: object,
  more: { namespace?: string; labels?: Record<string, string> } = {},
) => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: kind.kind,
  metadata: { name, ...more },
  spec,
});
const user = (name: string, enabled = true) => object(User, name, { enabled });
const alice = { kind: "User", name: "alice" };
const reader = object(ClusterRoleTemplate, "pod-reader", {
  displayName: "Pod reader",
  context: "Project",
  rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }],
});
const projectBinding = (namespace: string, name: string, more: object = {}) =>
  object(ProjectRoleTemplateBinding, name, { template: "pod-reader", subject: alice, ...more }, { namespace });
const clusterBinding = (namespace: string, name: string, more: object = {}) =>
  object(ClusterRoleTemplateBinding, name, { template: "cluster-viewer", subject: alice, ...more }, { namespace });

const setOf = (cluster: string, name: string) => hub.admin.find(AccessSet, { namespace: clusterNamespace(cluster), name });
const membersOf = async (cluster: string) =>
  (await hub.admin.find(ClusterMembers, { namespace: clusterNamespace(cluster), name: "members" }))?.spec;
/** "template subject" of all sets of a cluster, sorted. */
async function grants(cluster: string): Promise<string[]> {
  const { items } = await hub.admin.list(AccessSet, { namespace: clusterNamespace(cluster) });
  return items
    .flatMap(({ metadata, spec }) => spec.bindings.flatMap((b) => b.subjects.map((s) => `${metadata.name} ${b.template} ${s.name}`)))
    .sort();
}
const isGranted = (cluster: string, grant: string, wanted = true): Promise<void> =>
  until(async () => (await grants(cluster)).includes(grant) === wanted, `${grant} is ${wanted ? "" : "not "}granted in ${cluster}`);

interface WithConditions extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly reason: string; readonly message: string }[] };
}
const reasonOf = async (kind: Kind<KubeObject>, key: Key, type = "Accepted") =>
  ((await hub.admin.find(kind, key)) as WithConditions | undefined)?.status?.conditions?.find((one) => one.type === type)?.reason;
const hasReason = (kind: Kind<KubeObject>, key: Key, reason: string, type = "Accepted"): Promise<void> =>
  until(async () => (await reasonOf(kind, key, type)) === reason, `${kind.kind} ${key.name} says ${reason}`);

async function ready(cluster: string, ...projects: string[]): Promise<void> {
  await hub.apply(object(Cluster, cluster, { import: {} }), user("alice"), reader);
  await hasReason(Cluster, { name: cluster }, "Ready", "NamespaceReady");
  for (const name of projects) {
    await hub.apply(object(Project, name, {}, { namespace: clusterNamespace(cluster) }));
    await hasReason(Project, { name, namespace: clusterNamespace(cluster) }, "Ready", "NamespaceReady");
  }
}

describe("what a platform team writes", () => {
  const expected = [
    "cluster cluster-viewer drover:user:alice",
    "cluster nodes-view drover:group:corp:developers",
    "project-web pod-reader drover:user:alice",
  ];

  test.each([1, 2])("applied in random order %i it ends in the right sets, members and conditions", async (seed) => {
    const documents = shuffled(await team(), seed);
    // Objects whose namespace does not exist yet are refused, all others are taken: what people do then is to apply again.
    await until(() => hub.apply(...documents).then(() => true), "everything is taken");
    await hub.apply(object(GlobalRoleBinding, "alice-sees-prod", { globalRole: "prod-viewer", subject: alice }));
    await until(async () => JSON.stringify(await grants("east")) === JSON.stringify(expected), `grants are ${expected.join("; ")}`);
    expect(await membersOf("east")).toEqual({ users: ["alice"], groups: ["drover:group:corp:developers"], everyone: false, parts: 1 });
    expect((await setOf("east", "cluster"))?.spec.index).toEqual({ sets: ["cluster", "project-web"] });
    const project = await hub.admin.get(Project, { name: "web", namespace: "cluster-east" });
    expect((await setOf("east", "project-web"))?.spec.project).toMatchObject({
      name: "web",
      uid: project.metadata.uid,
      podSecurity: { enforce: "baseline" },
    });
    await hasReason(ProjectRoleTemplateBinding, { name: "alice-reads", namespace: "project-east--web" }, "Accepted");
    await hasReason(ClusterRoleTemplateBinding, { name: "developers-see-nodes", namespace: "cluster-east" }, "Accepted");
    await hasReason(GlobalRoleBinding, { name: "root-is-admin" }, "SubjectNotFound");
    await hasReason(GlobalRole, { name: "prod-viewer" }, "Accepted");
    await hasReason(Cluster, { name: "east" }, "Compiled", "AccessCompiled");
    if (seed === 1) await clear();
  });

  test("applied again it writes nothing, and neither does an operator that was killed and started again", async () => {
    await settled();
    const before = await versions();
    await hub.apply(...(await team()).filter(({ kind }) => kind !== "Secret"));
    await operator.kill();
    operator = await startOperator();
    // Something new comes through, so the new process has looked at everything that was there.
    await hub.apply(
      object(ProjectRoleTemplateBinding, "late", { template: "project-viewer", subject: alice }, { namespace: "project-east--web" }),
    );
    await isGranted("east", "project-web project-viewer drover:user:alice");
    await hub.kubectl(["delete", "projectroletemplatebinding", "late", "-n", "project-east--web"]);
    const after = await versions();
    const changed = [...before].filter(([name, version]) => after.get(name) !== version).map(([name]) => name);
    expect(changed).toEqual(["AccessSet cluster-east/project-web"]);
  });
});

describe("access ends", () => {
  beforeAll(async () => {
    await ready("ends", "p");
    await hub.apply(object(AuthProvider, "corp2", { local: {} }));
  });
  const grant = "project-p pod-reader drover:user:alice";

  test("when its user is disabled, and comes back when the user is enabled", async () => {
    await hub.apply(projectBinding("project-ends--p", "b"));
    await isGranted("ends", grant);
    await hub.apply(user("alice", false));
    await isGranted("ends", grant, false);
    await hasReason(ProjectRoleTemplateBinding, { name: "b", namespace: "project-ends--p" }, "SubjectDisabled");
    expect((await membersOf("ends"))?.users).toEqual([]);
    await hub.apply(user("alice"));
    await isGranted("ends", grant);
  });

  test("when its template goes, is refused, or inherits one that goes; and the template's flattened rules go with it", async () => {
    await hub.apply(
      object(ClusterRoleTemplate, "parent", {
        displayName: "x",
        context: "Project",
        rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
      }),
    );
    await hub.kubectl(["patch", "crt", "pod-reader", "--type=merge", "-p", '{"spec":{"inherits":["parent"]}}']);
    await until(async () => (await hub.admin.get(ClusterRoleTemplate, { name: "pod-reader" })).status?.rules?.length === 2, "both rules");
    await hub.kubectl(["delete", "crt", "parent"]);
    await isGranted("ends", grant, false);
    await hasReason(ClusterRoleTemplate, { name: "pod-reader" }, "ParentNotFound");
    expect((await hub.admin.get(ClusterRoleTemplate, { name: "pod-reader" })).status?.rules).toBeUndefined();
    await hasReason(ProjectRoleTemplateBinding, { name: "b", namespace: "project-ends--p" }, "TemplateNotAccepted");
    await hub.kubectl(["patch", "crt", "pod-reader", "--type=merge", "-p", '{"spec":{"inherits":[]}}']);
    await isGranted("ends", grant);
    await hub.kubectl(["delete", "crt", "pod-reader"]);
    await isGranted("ends", grant, false);
    await hasReason(ProjectRoleTemplateBinding, { name: "b", namespace: "project-ends--p" }, "TemplateNotFound");
    await hub.apply(reader);
    await isGranted("ends", grant);
  });

  test("when the provider of its group goes", async () => {
    const subject = { kind: "Group", provider: "corp2", name: "Déve lopers" };
    await hub.apply(projectBinding("project-ends--p", "group", { subject }));
    await isGranted("ends", "project-p pod-reader drover:group:corp2:D%C3%A9ve%20lopers");
    await hub.kubectl(["delete", "authprovider", "corp2"]);
    await isGranted("ends", "project-p pod-reader drover:group:corp2:D%C3%A9ve%20lopers", false);
    await hasReason(ProjectRoleTemplateBinding, { name: "group", namespace: "project-ends--p" }, "ProviderNotFound");
  });

  test("when its end date passes, by itself", async () => {
    const expiresAt = new Date(Date.now() + 3000).toISOString();
    await hub.apply(clusterBinding("cluster-ends", "short", { expiresAt }));
    await isGranted("ends", "cluster cluster-viewer drover:user:alice");
    await hasReason(ClusterRoleTemplateBinding, { name: "short", namespace: "cluster-ends" }, "Expired");
    await isGranted("ends", "cluster cluster-viewer drover:user:alice", false);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
  });

  test("when a cluster's labels no longer fit a global role", async () => {
    const grants = [{ template: "cluster-viewer", clusterSelector: { matchLabels: { tier: "one" } } }];
    await hub.apply(
      object(GlobalRole, "tier-one", { displayName: "x", grants }),
      object(GlobalRoleBinding, "g", { globalRole: "tier-one", subject: alice }),
    );
    await hub.kubectl(["label", "cluster.drover.dev", "ends", "tier=one"]);
    await isGranted("ends", "cluster cluster-viewer drover:user:alice");
    await hub.kubectl(["label", "cluster.drover.dev", "ends", "tier-"]);
    await isGranted("ends", "cluster cluster-viewer drover:user:alice", false);
  });

  test("when the binding goes, also by deletion that orphans, and when the project goes", async () => {
    await isGranted("ends", grant);
    await hub.kubectl(["delete", "projectroletemplatebinding", "b", "-n", "project-ends--p", "--cascade=orphan"]);
    await isGranted("ends", grant, false);
    await hub.apply(projectBinding("project-ends--p", "b"));
    await isGranted("ends", grant);
    await hub.kubectl(["delete", "project.drover.dev", "p", "-n", "cluster-ends", "--wait=false"]);
    await until(async () => (await setOf("ends", "project-p")) === undefined, "the project's set is gone");
    await until(async () => (await setOf("ends", "cluster"))?.spec.index?.sets.join() === "cluster", "the index does not list it");
  });

  test("when its cluster goes first: nothing is left but the order to tear down, then nothing", async () => {
    await ready("first", "p");
    await hub.apply(projectBinding("project-first--p", "b"));
    await isGranted("first", grant);
    await hub.kubectl(["delete", "cluster.drover.dev", "first", "--wait=false"]);
    await until(async () => (await hub.admin.find(Cluster, { name: "first" })) === undefined, "the Cluster is gone", 120_000);
    await until(
      async () => (await hub.admin.find(Namespace, { name: "project-first--p" })) === undefined,
      "and its project's namespace",
      120_000,
    );
    expect(await grants("first")).toEqual([]);
  });
});

describe("on the hub", () => {
  test("a role for every cluster gives nothing, the built-in administrator's does, and wildcards count only where they are meant", async () => {
    await ready("near");
    await hasReason(Cluster, { name: "hub" }, "Ready", "NamespaceReady");
    const everywhere = [
      { template: "cluster-viewer", clusterSelector: { matchExpressions: [{ key: "env", operator: "NotIn", values: ["prod"] }] } },
    ];
    await hub.apply(
      object(GlobalRole, "all-but-prod", { displayName: "x", grants: everywhere }),
      object(GlobalRoleBinding, "alice-everywhere", { globalRole: "all-but-prod", subject: alice }),
      object(GlobalRoleBinding, "alice-admin", { globalRole: "admin", subject: alice }),
      clusterBinding("cluster-hub", "wide", { template: "cluster-owner" }),
    );
    await isGranted("hub", "cluster hub-owner drover:user:alice");
    await isGranted("near", "cluster cluster-viewer drover:user:alice");
    await isGranted("near", "cluster cluster-owner drover:user:alice");
    await hasReason(ClusterRoleTemplateBinding, { name: "wide", namespace: "cluster-hub" }, "TooBroadForHub");
    await hasReason(GlobalRole, { name: "admin" }, "Accepted");
    expect(await grants("hub")).toEqual(["cluster hub-owner drover:user:alice"]);
    await hub.kubectl(["delete", "globalrolebinding", "alice-everywhere", "alice-admin"]);
    await isGranted("hub", "cluster hub-owner drover:user:alice", false);
  });
});

describe("the sets", () => {
  beforeAll(() => ready("sets", "p"));

  test("are there for a cluster to which nobody is bound, and say so", async () => {
    await until(async () => (await setOf("sets", "cluster")) !== undefined && (await membersOf("sets")) !== undefined, "set and members");
    expect((await setOf("sets", "cluster"))?.spec).toMatchObject({ bindings: [], index: { sets: ["cluster", "project-p"] } });
    expect(await membersOf("sets")).toEqual({ users: [], groups: [], everyone: false, parts: 1 });
  });

  test("come back when somebody deletes or edits one, and one that nobody asked for goes", async () => {
    await hub.apply(projectBinding("project-sets--p", "b"));
    await isGranted("sets", "project-p pod-reader drover:user:alice");
    const { spec } = await hub.admin.get(AccessSet, { namespace: "cluster-sets", name: "project-p" });
    await hub.kubectl(["delete", "accessset", "project-p", "-n", "cluster-sets"]);
    await isGranted("sets", "project-p pod-reader drover:user:alice");
    const forged = [{ template: "project-owner", subjects: [{ kind: "User", name: "drover:user:mallory" }] }];
    await hub.admin.patch(AccessSet, { namespace: "cluster-sets", name: "project-p" }, { spec: { bindings: forged } }, { type: "merge" });
    await isGranted("sets", "project-p project-owner drover:user:mallory", false);
    expect((await setOf("sets", "project-p"))?.spec.epoch).toBeGreaterThan(spec.epoch);
    await hub.apply(object(AccessSet, "project-q", { ...spec, project: { name: "q", uid: "q" } }, { namespace: "cluster-sets" }));
    await until(async () => (await setOf("sets", "project-q")) === undefined, "the unmanaged set is gone");
  });

  test("and the templates say what they go on from, and that a restore is accepted, in one write each", async () => {
    await settled();
    const key = { namespace: "cluster-sets", name: "project-p" };
    const templateOf = () => hub.admin.get(ClusterRoleTemplate, { name: "pod-reader" });
    const [before, template] = [await hub.admin.get(AccessSet, key), await templateOf()];
    const restoreAcceptedAt = new Date(Date.now() + 5_000).toISOString();
    await hub.admin.patch(Cluster, { name: "hub" }, { spec: { restoreAcceptedAt } }, { type: "merge" });
    const at = Date.parse(restoreAcceptedAt);
    await until(async () => (await setOf("sets", "project-p"))?.spec.restoreAcceptedAt === at, "the set says so");
    await until(async () => (await templateOf()).status?.restoreAcceptedAt === at, "the template says so");
    const after = await hub.admin.get(AccessSet, key);
    expect(after.spec.history).toEqual([...before.spec.history, expect.stringMatching(`^${after.spec.epoch}-`)]);
    expect(after.spec.epoch).toBeGreaterThan(at);
    expect((await templateOf()).status?.history).toEqual([...(template.status?.history ?? []), expect.stringMatching(/^[0-9]+-/)]);
    await settled();
    expect(((await hub.admin.get(AccessSet, key)).metadata.generation ?? 0) - (before.metadata.generation ?? 0)).toBe(1);
  });

  test("are not written by somebody whose cache holds another past: the API server refuses an apply onto a version that is not there", async () => {
    const { metadata, spec, apiVersion, kind } = await hub.admin.get(AccessSet, { namespace: "cluster-sets", name: "project-p" });
    const { name, namespace, uid, resourceVersion = "" } = metadata;
    const onto = (more: object) =>
      hub.admin.apply(AccessSet, { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion, ...more }, spec } as KubeObject, {
        fieldManager: "cluster-access",
        dryRun: true,
      });
    await onto({});
    const other = String(Number(resourceVersion) + 1_000_000);
    const wrong = [{ resourceVersion: other }, { resourceVersion: other, uid: "of-a-set-that-is-gone" }, { name: "project-none" }];
    for (const more of wrong) await expect(onto(more)).rejects.toMatchObject({ code: 409 });
  });

  test("change once for one grant: its epoch is written one time", async () => {
    await settled();
    const key = { namespace: "cluster-sets", name: "project-p" };
    const before = (await hub.admin.get(AccessSet, key)).metadata.generation ?? 0;
    for (const name of ["one", "two", "three", "four", "five"]) {
      await hub.apply(user(name), projectBinding("project-sets--p", name, { subject: { kind: "User", name } }));
      await isGranted("sets", `project-p pod-reader drover:user:${name}`);
      await hasReason(ProjectRoleTemplateBinding, { name, namespace: "project-sets--p" }, "Accepted");
    }
    await settled();
    expect(((await hub.admin.get(AccessSet, key)).metadata.generation ?? 0) - before).toBe(5);
  });
});

describe("while the hub's guards are not in force", () => {
  beforeAll(() => ready("guards", "p"));
  const [one, two] = ["project-p pod-reader drover:user:alice", "project-p pod-reader drover:user:bob"];

  const bindingOf = (name: string): Key => ({ name, namespace: "project-guards--p" });
  const messageOf = async (name: string): Promise<string> => {
    const { status } = await hub.admin.get(ProjectRoleTemplateBinding, bindingOf(name));
    return status?.conditions?.find(({ type }) => type === "Accepted")?.message ?? "";
  };

  test("nothing new is granted, what is revoked ends; and what was written then gives nothing once they are back, until it is confirmed", async () => {
    await hub.apply(projectBinding("project-guards--p", "one"), user("bob"));
    await isGranted("guards", one);
    await hub.kubectl(["delete", "validatingadmissionpolicybinding", "drover-managed-objects"]);
    await until(async () => (await operator.output()).includes("drover-managed-objects does not exist"), "the operator has seen it");
    await hub.apply(projectBinding("project-guards--p", "two", { subject: { kind: "User", name: "bob" } }));
    await hasReason(Cluster, { name: "guards" }, "GuardsNotEnforced", "AccessCompiled");
    await hub.kubectl(["delete", "projectroletemplatebinding", "one", "-n", "project-guards--p"]);
    await isGranted("guards", one, false);
    expect(await grants("guards")).toEqual([]);
    await hub.kubectl(["annotate", "projectroletemplatebinding", "two", "-n", "project-guards--p", "drover.dev/confirmed=true"]);
    await hub.kubectl(["apply", "--server-side", "--force-conflicts", "-k", "deploy/bases/hub-config"]);
    await hasReason(Cluster, { name: "guards" }, "Compiled", "AccessCompiled");
    await hasReason(ProjectRoleTemplateBinding, bindingOf("two"), "WrittenUnguarded");
    await until(async () => (await messageOf("two")).includes("annotate it"), "the message says how to confirm it");
    // Neither a restart of the operator makes it count, nor something else that is granted.
    await operator.kill();
    operator = await startOperator();
    await hub.apply(projectBinding("project-guards--p", "later", { subject: { kind: "User", name: "alice" } }));
    await isGranted("guards", one);
    expect(await grants("guards")).toEqual([one]);
    const confirmation = /drover\.dev\/confirmed=\w+/.exec(await messageOf("two"))?.[0] ?? "";
    await hub.kubectl(["annotate", "--overwrite", "projectroletemplatebinding", "two", "-n", "project-guards--p", confirmation]);
    await isGranted("guards", two);
    await hasReason(ProjectRoleTemplateBinding, bindingOf("two"), "Accepted");
    await hub.kubectl(["delete", "projectroletemplatebinding", "later", "-n", "project-guards--p"]);
    await isGranted("guards", one, false);
  });

  test("what was written while neither guards nor operator were there gives nothing either", async () => {
    await operator.kill();
    await hub.kubectl(["delete", "validatingadmissionpolicybinding", "drover-managed-objects"]);
    await hub.apply(projectBinding("project-guards--p", "unseen"));
    await hub.kubectl(["apply", "--server-side", "--force-conflicts", "-k", "deploy/bases/hub-config"]);
    operator = await startOperator();
    await hasReason(ProjectRoleTemplateBinding, bindingOf("unseen"), "WrittenUnguarded");
    expect(await grants("guards")).not.toContain(one);
    // Times are whole seconds: what is written in the very second in which the guards came back is held as well.
    await until(async () => {
      await hub.kubectl(["delete", "projectroletemplatebinding", "unseen", "-n", "project-guards--p"]);
      await hub.apply(projectBinding("project-guards--p", "unseen"));
      const reason = () => reasonOf(ProjectRoleTemplateBinding, bindingOf("unseen"));
      await until(async () => (await reason()) !== undefined, "it is evaluated");
      return (await reason()) === "Accepted";
    }, "deleted and applied again it counts");
    await isGranted("guards", one);
    await hub.kubectl(["delete", "projectroletemplatebinding", "unseen", "-n", "project-guards--p"]);
    await isGranted("guards", one, false);
  });

  test("what was granted right before they were seen to be away is revoked at once, though no object of its own changed", async () => {
    const gaps = async () => {
      const { data } = await hub.admin.get(ConfigMap, { namespace: "drover-system", name: "guard-history" });
      return readHistory(data?.["history.json"])?.gaps ?? [];
    };
    let early = "";
    let attempts = 0;
    // On a machine that stands still in between, the binding is older than what is held back: then once more.
    await until(async () => {
      const before = (await gaps()).length;
      early = `early-${++attempts}`;
      await hub.apply(user(early), projectBinding("project-guards--p", early, { subject: { kind: "User", name: early } }));
      await isGranted("guards", `project-p pod-reader drover:user:${early}`);
      await hub.admin.delete(ValidatingAdmissionPolicyBinding, { name: "drover-managed-objects" });
      await until(async () => (await gaps()).length > before, "it is on record that they are away");
      await hub.kubectl(["apply", "--server-side", "--force-conflicts", "-k", "deploy/bases/hub-config"]);
      const made = (await hub.admin.get(ProjectRoleTemplateBinding, bindingOf(early))).metadata.creationTimestamp ?? "";
      return Date.parse(made) >= Date.parse((await gaps())[before]?.from ?? "");
    }, "a binding is written right before");
    await isGranted("guards", `project-p pod-reader drover:user:${early}`, false);
    await hasReason(ProjectRoleTemplateBinding, bindingOf(early), "WrittenUnguarded");
  });

  test("a policy that was weakened counts as one that is not there", async () => {
    await hub.kubectl([
      "patch",
      "validatingadmissionpolicybinding",
      "drover-namespaces",
      "--type=merge",
      "-p",
      '{"spec":{"validationActions":["Audit"]}}',
    ]);
    await hub.apply(projectBinding("project-guards--p", "three"));
    await hasReason(Cluster, { name: "guards" }, "GuardsNotEnforced", "AccessCompiled");
    expect(await grants("guards")).not.toContain(one);
    await hub.kubectl(["apply", "--server-side", "--force-conflicts", "-k", "deploy/bases/hub-config"]);
    await hasReason(ProjectRoleTemplateBinding, bindingOf("three"), "WrittenUnguarded");
    expect(await grants("guards")).not.toContain(one);
  });
});

async function team(): Promise<readonly KubeObject[]> {
  const list = await hub.kubectl(["create", "--dry-run=client", "-o", "json", "-f", "deploy/examples/team.yaml"]);
  return list.split(/(?<=^\})\n(?=\{)/m).map((document) => JSON.parse(document) as KubeObject);
}

/** A permutation for each seed. */
function shuffled<T>(list: readonly T[], seed: number): readonly T[] {
  const keyed = list.map((value, i) => [(Math.imul(i + 1, 2654435761 * seed + 40503) >>> 0) % 1009, value] as const);
  return keyed.sort(([a], [b]) => a - b).map(([, value]) => value);
}

async function clear(): Promise<void> {
  const kinds = "globalrolebinding,globalrole,clusterroletemplate";
  await hub.kubectl(["delete", "crt", "pod-reader"]);
  await hub.kubectl(["delete", "cluster.drover.dev", "east", "--timeout=120s"]);
  await hub.kubectl(["delete", "user.drover.dev", "alice"]);
  await hub.kubectl(["delete", "authprovider", "local", "corp"]);
  await hub.kubectl(["delete", kinds, "-l", "!app.kubernetes.io/part-of"]);
  await until(
    async () => (await hub.admin.find(Namespace, { name: "project-east--web" })) === undefined,
    "its namespaces are gone",
    120_000,
  );
}

const kinds = [
  AccessSet,
  ClusterMembers,
  Cluster,
  Project,
  ClusterRoleTemplate,
  GlobalRole,
  GlobalRoleBinding,
  ClusterRoleTemplateBinding,
  ProjectRoleTemplateBinding,
] as readonly Kind<KubeObject>[];

async function versions(): Promise<Map<string, string>> {
  const lists = await Promise.all(kinds.map((kind) => hub.admin.list(kind)));
  const named = lists.flatMap(({ items }, i) =>
    items.map(
      ({ metadata: m }) => [`${kinds[i]?.kind} ${m.namespace ? `${m.namespace}/` : ""}${m.name}`, m.resourceVersion ?? ""] as const,
    ),
  );
  return new Map(named);
}

/** Two looks, half a second apart, show the same. */
async function settled(): Promise<void> {
  let last = "";
  let since = performance.now();
  await until(async () => {
    const now = JSON.stringify([...(await versions())]);
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > 500;
  }, "nothing changes any more");
}
