// What does not come about in a managed cluster is told, with the reason, and comes about once the reason is gone: the access loop against
// a real hub and a real managed cluster.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { ceilingBinding } from "../../deploy/agent/permissions.ts";
import { nextLineage, SET_BOUNDS } from "../../lib/access/lineage.ts";
import { LABEL, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { startTestAgent, type TestAgent } from "../../test/agent/test-agent.ts";
import { namespaceOfCluster } from "../../test/agent.ts";
import { startHub, type TestHub } from "../../test/hub.ts";
import { startManagedCluster, type TestManagedCluster } from "../../test/managed-cluster.ts";
import { until } from "../../test/until.ts";

const RBAC = "rbac.authorization.k8s.io";
const HUB_NAMESPACE = "cluster-east";

jest.setTimeout(120_000);

let hub: TestHub;
let managed: TestManagedCluster;
let agent: TestAgent;
let project = "";
let count = 0;

beforeAll(async () => {
  [hub, managed] = await Promise.all([startHub(), startManagedCluster()]);
  const pods = [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }];
  await hub.apply(
    ...namespaceOfCluster("east"),
    template("reader", { context: "Project", rules: pods }),
    template("writer", { context: "Project", rules: pods }),
    template("external", { context: "Project", externalClusterRole: "made-later" }),
    template("external-wide", { context: "Cluster", externalClusterRole: "made-later" }),
  );
  for (const name of ["reader", "writer", "external", "external-wide"]) await accept(name);
}, 900_000);
afterAll(async () => {
  await Promise.all([hub?.stop(), managed?.stop()]);
}, 120_000);
beforeEach(async () => {
  project = `p${++count}`;
  await managed.apply(namespace(project, project));
  agent = await startTestAgent(hub, managed);
}, 60_000);
afterEach(async () => {
  await agent.stop();
}, 60_000);

const template = (name: string, spec: object) => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterRoleTemplate",
  metadata: { name },
  spec: { displayName: name, ...spec },
});
const namespace = (name: string, inProject: string) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels: { [LABEL.project]: inProject } },
});

/** What the access operator does with a template. */
async function accept(name: string): Promise<void> {
  const { spec } = await hub.admin.get(ClusterRoleTemplate, { name });
  const conditions = [{ type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }];
  const status = { rules: spec.rules, capabilities: [], conditions };
  await hub.admin.patch(ClusterRoleTemplate, { name }, { status }, { type: "merge", subresource: "status" });
}

/** As the access operator does: each content goes on from the one that is there. */
async function putSet(name: string, content: object): Promise<void> {
  const key = { name, namespace: HUB_NAMESPACE };
  const before = await hub.admin.find(AccessSet, key);
  const lineage = nextLineage(content, { previous: before?.spec.history ?? [], after: Date.now(), bounds: SET_BOUNDS });
  const set = { apiVersion: "drover.dev/v1alpha1", kind: "AccessSet", metadata: key, spec: { part: 1, parts: 1, ...content, ...lineage } };
  await hub.admin.apply(AccessSet, set as KubeObject, { fieldManager: "test" });
}
const alice = { kind: "User", name: "drover:user:alice" };
const bind = (...templates: string[]) => templates.map((name) => ({ template: name, subjects: [alice] }));
const putIndex = (sets: string[], bindings: object[] = []) =>
  putSet("cluster", { scope: "Cluster", bindings, index: { sets: ["cluster", ...sets] } });
async function put(bindings: object[], others: string[] = []): Promise<void> {
  await putSet(`project-${project}`, { scope: "Project", project: { name: project, uid: `uid-${project}` }, bindings });
  await putIndex([`project-${project}`, ...others]);
}
/** The set's condition, once it is about what the set says now. */
async function said(set: string): Promise<{ reason?: string | undefined; message?: string | undefined; applied: boolean }> {
  const { spec, status } = await hub.admin.get(AccessSet, { name: set, namespace: HUB_NAMESPACE });
  const condition = status?.conditions?.[0];
  return { reason: condition?.reason, message: condition?.message, applied: status?.epoch === spec.epoch };
}
const says = (set: string, reason: string, message = /^/): Promise<void> =>
  until(async () => {
    const now = await said(set);
    return now.reason === reason && message.test(now.message ?? "") && now.applied;
  }, `${set} says ${reason}`);
const ofProject = () => `project-${project}`;
const mayList = async (): Promise<boolean> => {
  const spec = { user: alice.name, resourceAttributes: { resource: "pods", verb: "list", namespace: project } };
  const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  const answer = await managed.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", { body });
  return (answer as { status: { allowed: boolean } }).status.allowed;
};
const makeRole = (resource: string) =>
  managed.admin.create(ClusterRole, {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: "made-later" },
    rules: [{ apiGroups: [""], resources: [resource], verbs: ["get", "list"] }],
  });
const dropRole = () => managed.admin.delete(ClusterRole, { name: "made-later" });
async function setCeiling(role: string): Promise<void> {
  await managed.admin.delete(ClusterRoleBinding, { name: "drover:agent" });
  await managed.apply(ceilingBinding(role));
}

describe.each(["cluster-admin", "view"])("an external ClusterRole, with %s as the ceiling", (ceiling) => {
  beforeAll(() => setCeiling(ceiling));
  afterAll(() => setCeiling("cluster-admin"));

  test("that does not exist is told in the set's condition and in the report, is bound once it appears, and told when it goes", async () => {
    await put(bind("external", "reader"));
    await says(ofProject(), "PartlyRefused", /ClusterRole made-later.*not exist/);
    expect(agent.report?.refused.map(({ message }) => message).join()).toContain("made-later");
    // The other template of the same set is granted meanwhile.
    expect((await managed.admin.list(RoleBinding, { namespace: project })).items.map(({ metadata }) => metadata.name)).toEqual([
      `drover:${project}:reader`,
    ]);
    const key = { namespace: project, name: `drover:${project}:external` };
    await makeRole("pods");
    const since = performance.now();
    await until(async () => (await managed.admin.find(RoleBinding, key)) !== undefined, "it is bound as soon as it is there", 10_000);
    // Far from any retry: nothing but the watch can have told.
    expect(performance.now() - since).toBeLessThan(10_000);
    await says(ofProject(), "Applied");
    await dropRole();
    await says(ofProject(), "PartlyRefused", /ClusterRole made-later.*not exist/);
  });

  test("is told and bound cluster-wide in the same way", async () => {
    await putIndex([], bind("external-wide"));
    await says("cluster", "PartlyRefused", /ClusterRole made-later.*not exist/);
    await makeRole("pods");
    await says("cluster", "Applied");
    await putIndex([]);
    await dropRole();
    await says("cluster", "Applied");
  });
});

test("an external ClusterRole beyond the ceiling is told, and bound as soon as its owner has made it fit", async () => {
  await setCeiling("view");
  try {
    await makeRole("secrets");
    await put(bind("external"));
    await says(ofProject(), "PartlyRefused", /attempting to grant RBAC permissions not currently held/);
    await managed.admin.patch(
      ClusterRole,
      { name: "made-later" },
      { rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }] },
      { type: "merge" },
    );
    await says(ofProject(), "Applied");
    expect(await mayList()).toBe(true);
  } finally {
    await dropRole();
    await setCeiling("cluster-admin");
  }
});

describe("a set says Applied only when all of it is so:", () => {
  test("not while a namespace is kept from its project by the mark of an earlier one", async () => {
    await managed.admin.patch(
      Namespace,
      { name: project },
      { metadata: { annotations: { [PROJECT_UID_ANNOTATION]: "an-earlier-one" } } },
      { type: "merge" },
    );
    await put(bind("reader"));
    await says(ofProject(), "PartlyRefused", /belonged to an earlier project/);
    await says("cluster", "Applied");
    for (const label of [null, project]) {
      await managed.admin.patch(Namespace, { name: project }, { metadata: { labels: { [LABEL.project]: label } } }, { type: "merge" });
      await until(
        async () =>
          ((await managed.admin.get(Namespace, { name: project })).metadata.annotations?.[PROJECT_UID_ANNOTATION] === undefined) ===
          (label === null),
        "the mark follows",
      );
    }
    await says(ofProject(), "Applied");
    await until(mayList, "and alice may");
  });

  test("not while the managed cluster refuses a removal, of one template or of a whole project", async () => {
    await put(bind("reader", "writer"));
    await says(ofProject(), "Applied");
    const policy = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata: { name: "test-keeps" },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [RBAC], apiVersions: ["v1"], operations: ["DELETE"], resources: ["rolebindings"] }],
        },
        validations: [{ expression: `oldObject.metadata.namespace != '${project}'`, message: "kept by the test", reason: "Forbidden" }],
      },
    };
    const bound = {
      apiVersion: policy.apiVersion,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: policy.metadata,
      spec: { policyName: "test-keeps", validationActions: ["Deny"] },
    };
    await managed.apply(policy, bound);
    const key = { namespace: project, name: `drover:${project}:reader` };
    const isKept = () =>
      managed.admin.request("DELETE", `/apis/${RBAC}/v1/namespaces/${project}/rolebindings/${key.name}?dryRun=All`).then(
        () => false,
        () => true,
      );
    await until(isKept, "the policy is in force");
    try {
      await put(bind("reader"));
      await says(ofProject(), "PartlyRefused", /writer.*kept by the test/);
      await putIndex([]);
      await says("cluster", "PartlyRefused", /kept by the test/);
    } finally {
      await managed.admin.request("DELETE", `/apis/${bound.apiVersion}/validatingadmissionpolicybindings/test-keeps`);
      await managed.admin.request("DELETE", `/apis/${bound.apiVersion}/validatingadmissionpolicies/test-keeps`);
    }
  });
});

describe("an object that the finalizer of somebody else keeps in deletion grants nothing more", () => {
  const keep = { metadata: { finalizers: ["test.drover.dev/keep"] } };
  const key = () => ({ namespace: project, name: `drover:${project}:reader` });

  test("when the agent removes it, and when somebody else deleted it before", async () => {
    // The role stays bound elsewhere: with it would go what the binding gives.
    await managed.apply(namespace(`${project}-other`, `${project}-other`));
    const other = { scope: "Project", project: { name: `${project}-other`, uid: "other" }, bindings: bind("reader") };
    await putSet(`project-${project}-other`, other);
    await put(bind("reader"), [`project-${project}-other`]);
    await until(mayList, "alice may");
    await managed.admin.patch(RoleBinding, key(), keep, { type: "merge" });
    await putIndex([`project-${project}-other`]);
    await until(async () => !(await mayList()), "the agent's removal ends it");
    const isGoing = async () => (await managed.admin.get(RoleBinding, key())).metadata.deletionTimestamp !== undefined;
    await until(isGoing, "it is in deletion");
    await managed.admin.patch(RoleBinding, key(), { metadata: { finalizers: [] } }, { type: "merge" });

    await put(bind("reader"), [`project-${project}-other`]);
    await until(mayList, "alice may again");
    await managed.admin.patch(RoleBinding, key(), keep, { type: "merge" });
    await managed.admin.delete(RoleBinding, key());
    await putIndex([`project-${project}-other`]);
    await until(async () => !(await mayList()), "what was in deletion already ends too");
    await managed.admin.patch(RoleBinding, key(), { metadata: { finalizers: [] } }, { type: "merge" });
  });
});
