import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { Identity } from "../../crds/v1alpha1/identity.ts";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { startControlPlane, type TestControlPlane } from "../../test/controlplane.ts";
import { until } from "../../test/until.ts";
import { LABEL, MANAGED_BY, PATH, PROJECT_UID_ANNOTATION } from "../access/names.ts";
import { ApiError, isForbidden, KubeClient } from "../kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, Role, RoleBinding, ServiceAccount } from "../kube/core.ts";
import type { Kind, KubeObject, PolicyRule } from "../kube/object.ts";
import { HUB_GUARD_NAMES } from "./bundle.ts";

const run = promisify(execFile);
const repository = join(import.meta.dirname, "../..");
const RBAC = "rbac.authorization.k8s.io";

jest.setTimeout(120_000);

let plane: TestControlPlane;
let admin: KubeClient;
const clients: KubeClient[] = [];

const kubectl = async (...args: string[]): Promise<string> =>
  (await run(join(plane.binaries, "kubectl"), args, { env: { KUBECONFIG: plane.adminKubeconfig, HOME: plane.directory } })).stdout;

const connect = (more: object): KubeClient => {
  const client = new KubeClient({ server: plane.server, ca: plane.ca, ...more });
  clients.push(client);
  return client;
};

/** A real ServiceAccount with a real token. */
const account = async (name: string, namespace: string): Promise<KubeClient> => {
  const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
  await admin.apply(ServiceAccount, object, { fieldManager: "test" });
  const { token } = await admin.requestToken({ name, namespace });
  return connect({ token: async () => token });
};

/** A person as the agent impersonates them. */
const person = (name: string): KubeClient => connect(plane.clientCertificate(`drover:user:${name}`, ["drover:authenticated"]));

/** Grants rules cluster-wide, as an administrator would. */
const grant = async (name: string, rules: readonly PolicyRule[], subject: object): Promise<void> => {
  const role = { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name }, rules };
  const roleRef = { apiGroup: RBAC, kind: "ClusterRole", name };
  const binding = { apiVersion: `${RBAC}/v1`, kind: "ClusterRoleBinding", metadata: { name }, roleRef, subjects: [subject] };
  await admin.apply(ClusterRole, role, { fieldManager: "test" });
  await admin.apply(ClusterRoleBinding, binding as KubeObject, { fieldManager: "test" });
};
const accountSubject = (name: string) => ({ kind: "ServiceAccount", name, namespace: "default" });
const personSubject = (name: string) => ({ kind: "User", apiGroup: RBAC, name: `drover:user:${name}` });
const use = (...paths: string[]): PolicyRule => ({ nonResourceURLs: paths, verbs: ["use"] });
const EVERYTHING: PolicyRule = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

const namespace = (name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}): Namespace => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels, annotations },
});
const ofProject = (name: string, project: string): Namespace => namespace(name, { [LABEL.project]: project });

interface Binding extends KubeObject {
  readonly roleRef: object;
  readonly subjects: readonly object[];
}
const roleBinding = (name: string, where: string, subjects: readonly object[], labels: Record<string, string> = {}): Binding => ({
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name, namespace: where, labels },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "view" },
  subjects,
});

/** Refused by a guard: 403 with reason Forbidden, by that policy, and a message that says what is missing. */
const refused = async (action: Promise<unknown>, policy: string, says: string): Promise<void> => {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).message).toContain(`ValidatingAdmissionPolicy '${policy}'`);
  expect((error as ApiError).message).toContain(says);
  expect(error).toMatchObject({ code: 403, reason: "Forbidden" });
};

const patchLabels = (client: KubeClient, name: string, labels: Record<string, string | null>, path = "") =>
  client.request("PATCH", `/api/v1/namespaces/${name}${path}`, {
    body: { metadata: { labels } },
    contentType: "application/merge-patch+json",
  });

/** The holder of every resource right there is, and of no path. */
let wildcard: KubeClient;
let agent: KubeClient;

beforeAll(async () => {
  plane = await startControlPlane({ controllerManager: true });
  admin = new KubeClient(plane.adminConnection());
  await kubectl("apply", "--server-side", "-k", join(repository, "deploy/bases/crds"));
  await kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s");
  await kubectl("apply", "--server-side", "-k", join(repository, "deploy/bases/hub-config"));
  wildcard = await account("wildcard", "default");
  await grant("test:wildcard", [EVERYTHING], accountSubject("wildcard"));
  agent = await account("agent", "drover-system");
  await grant("test:agent", [EVERYTHING, use("/drover.dev/*")], { kind: "ServiceAccount", name: "agent", namespace: "drover-system" });
  await inForce();
}, 900_000);

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await admin?.close();
  await plane?.stop();
}, 60_000);

/** Policies take effect some hundred milliseconds after they were created, each by itself. */
const inForce = async (): Promise<void> => {
  const attempts: (() => Promise<unknown>)[] = [
    () => wildcard.create(Namespace, ofProject("probe", "web"), { dryRun: true }),
    () => wildcard.create(Namespace, namespace("cluster-probe"), { dryRun: true }),
    () => wildcard.create(RoleBinding, roleBinding("probe", "default", [personSubject("eve")]) as KubeObject, { dryRun: true }),
    () => admin.create(Token, token, { dryRun: true }),
    () => wildcard.create(ClusterMembers, clusterMembers, { dryRun: true }),
    () => wildcard.create(Cluster, cluster("probe", { [LABEL.hub]: "true" }), { dryRun: true }),
  ];
  const limit = Date.now() + 30_000;
  for (const attempt of attempts) {
    while (
      await attempt().then(
        () => true,
        (error) => !isForbidden(error) && error instanceof ApiError && error.code !== 403,
      )
    ) {
      if (Date.now() > limit) throw new Error("a guard is not in force after 30 s");
    }
  }
};

const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const token: Token = {
  apiVersion: "drover.dev/v1alpha1",
  kind: "Token",
  metadata: { name: `t-${hash.slice(0, 32)}` },
  spec: {
    hash,
    user: "root",
    userUID: "u",
    provider: "local",
    providerUID: "p",
    loginGeneration: 0,
    kind: "Api",
    expiresAt: "2030-01-01T00:00:00Z",
  },
};
const identity: Identity = {
  apiVersion: "drover.dev/v1alpha1",
  kind: "Identity",
  metadata: { name: "i-1" },
  spec: { provider: "corp", subject: "1", user: "root" },
};
const clusterMembers: ClusterMembers = {
  apiVersion: "drover.dev/v1alpha1",
  kind: "ClusterMembers",
  metadata: { name: "members", namespace: "default" },
  spec: { users: ["eve"], groups: [], everyone: true, parts: 1 },
};
const accessSet: AccessSet = {
  apiVersion: "drover.dev/v1alpha1",
  kind: "AccessSet",
  metadata: { name: "cluster", namespace: "default" },
  spec: { scope: "Cluster", epoch: 1, history: ["1-00000000"], part: 1, parts: 1, bindings: [], index: { sets: [] } },
};
const cluster = (name: string, labels: Record<string, string> = {}): Cluster => ({
  apiVersion: "drover.dev/v1alpha1",
  kind: "Cluster",
  metadata: { name, labels },
  spec: { import: {}, paused: false, agent: { ceiling: "cluster-admin" } },
});

test("the policies type-check against the real types", async () => {
  interface Policy extends KubeObject {
    readonly status?: { readonly typeChecking?: { readonly expressionWarnings?: readonly unknown[] } };
  }
  const read = async (): Promise<readonly Policy[]> => JSON.parse(await kubectl("get", "validatingadmissionpolicies", "-o", "json")).items;
  await until(async () => (await read()).every(({ status }) => status?.typeChecking), "the controller manager has checked each of them");
  const policies = await read();
  expect(policies.map(({ metadata }) => metadata.name).sort()).toEqual([...HUB_GUARD_NAMES].sort());
  expect(policies.flatMap(({ status }) => status?.typeChecking?.expressionWarnings ?? [])).toEqual([]);
});

describe("a namespace claimed into a project without the right on that project is refused", () => {
  const says = "needs the right to use /drover.dev/projects/web/namespaces";
  beforeAll(async () => void (await admin.create(Namespace, namespace("a20"))));

  test("by create", () => refused(wildcard.create(Namespace, ofProject("a20-new", "web")), "drover-namespaces", says));
  test("by update", async () => {
    const found = await wildcard.get(Namespace, { name: "a20" });
    const claimed = { ...found, metadata: { ...found.metadata, labels: { ...found.metadata.labels, [LABEL.project]: "web" } } };
    await refused(wildcard.replace(Namespace, claimed), "drover-namespaces", says);
  });
  test("by patch", () => refused(patchLabels(wildcard, "a20", { [LABEL.project]: "web" }), "drover-namespaces", says));
  test("by apply, to an existing one and to a new one", async () => {
    for (const name of ["a20", "a20-other"]) {
      await refused(wildcard.apply(Namespace, ofProject(name, "web"), { fieldManager: "x" }), "drover-namespaces", says);
    }
  });
  test("by the right on another project whose name begins alike", async () => {
    await grant(
      "test:alike",
      [{ apiGroups: [""], resources: ["namespaces"], verbs: ["create"] }, use(PATH.projectNamespaces("we"))],
      personSubject("alike"),
    );
    await refused(person("alike").create(Namespace, ofProject("a20-alike", "web")), "drover-namespaces", says);
    await refused(person("alike").create(Namespace, ofProject("a20-alike", "we.b")), "drover-namespaces", "/drover.dev/projects/we.b/");
  });
});

describe("a project owner, who may make namespaces and change those of their project", () => {
  let owner: KubeClient;
  beforeAll(async () => {
    owner = person("owner");
    const rules = [
      {
        apiGroups: [""],
        resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
        verbs: ["create", "get", "update", "patch"],
      },
      { apiGroups: [RBAC], resources: ["roles", "rolebindings", "clusterrolebindings"], verbs: ["*"] },
      { apiGroups: [RBAC], resources: ["clusterroles"], resourceNames: ["view"], verbs: ["bind"] },
      use(PATH.projectNamespaces("web")),
    ];
    await grant("test:owner", rules, personSubject("owner"));
    await admin.create(Namespace, namespace("foreign"));
    await admin.create(Namespace, ofProject("of-shop", "shop"));
  });

  test("makes namespaces with their project's label", async () => {
    await owner.create(Namespace, ofProject("web-1", "web"));
  });
  test("makes none without a label, and the refusal names the label", () =>
    refused(owner.create(Namespace, namespace("loose")), "drover-namespaces", "label it drover.dev/project: <project>"));
  test("takes over no existing namespace", () =>
    refused(patchLabels(owner, "foreign", { [LABEL.project]: "web" }), "drover-namespaces", PATH.claimNamespaces));
  test("takes over no namespace of another project", () =>
    refused(patchLabels(owner, "of-shop", { [LABEL.project]: "web" }), "drover-namespaces", "taking a namespace out of project shop"));
  test("does not release a namespace from the project, where its policies would end", () =>
    refused(patchLabels(owner, "web-1", { [LABEL.project]: null }), "drover-namespaces", PATH.claimNamespaces));
  test("does not give a namespace away to another project", () =>
    refused(patchLabels(owner, "web-1", { [LABEL.project]: "shop" }), "drover-namespaces", "into project shop"));
  test("does not touch Drover's own labels and annotations on it", async () => {
    await refused(patchLabels(owner, "web-1", { "drover.dev/inventory": "x" }), "drover-namespaces", PATH.managedObjects);
    await refused(patchLabels(owner, "web-1", { [LABEL.backsCluster]: "east" }), "drover-namespaces", "can be in no project");
    const stolen = namespace("web-2", { [LABEL.project]: "web" }, { [PROJECT_UID_ANNOTATION]: "somebody's" });
    await refused(owner.create(Namespace, stolen), "drover-namespaces", PATH.managedObjects);
  });
  test("does not choose the Pod Security level, not even at birth", async () => {
    const level = { "pod-security.kubernetes.io/enforce": "privileged" };
    await refused(patchLabels(owner, "web-1", level), "drover-namespaces", PATH.podSecurity);
    await refused(owner.create(Namespace, namespace("web-3", { [LABEL.project]: "web", ...level })), "drover-namespaces", PATH.podSecurity);
  });
  test("changes labels of their own freely", async () => {
    await patchLabels(owner, "web-1", { team: "blue" });
  });

  describe("binds nobody in a way that outlives their membership:", () => {
    const says = "only Drover's agent writes bindings whose subjects begin with drover:";
    const friend = { kind: "User", apiGroup: RBAC, name: "drover:user:friend" };
    const team = { kind: "Group", apiGroup: RBAC, name: "drover:group:corp:team" };
    const everyone = { kind: "Group", apiGroup: RBAC, name: "drover:authenticated" };
    const robot = { kind: "ServiceAccount", name: "robot", namespace: "web-1" };

    test.each([
      ["themselves", personSubject("owner")],
      ["a friend", friend],
      ["a group", team],
      ["everyone", everyone],
    ])("not %s by a RoleBinding", (_who, subject) =>
      refused(owner.create(RoleBinding, roleBinding("mine", "web-1", [robot, subject]) as KubeObject), "drover-managed-objects", says),
    );
    test("not a friend by a ClusterRoleBinding", () => {
      const { roleRef } = roleBinding("x", "web-1", []);
      const object = { apiVersion: `${RBAC}/v1`, kind: "ClusterRoleBinding", metadata: { name: "mine" }, roleRef, subjects: [friend] };
      return refused(owner.create(ClusterRoleBinding, object as KubeObject), "drover-managed-objects", says);
    });
    test("but a ServiceAccount of the project, which ends with the project", async () => {
      await owner.create(RoleBinding, roleBinding("robot", "web-1", [robot]) as KubeObject);
    });
    test("not a friend by an update of a binding that was harmless", () =>
      refused(
        owner.patch(RoleBinding, { name: "robot", namespace: "web-1" }, { subjects: [robot, friend] }, { type: "merge" }),
        "drover-managed-objects",
        says,
      ));
    test("and does not delete or edit what the agent made", async () => {
      const key = { name: "drover:web:viewer", namespace: "web-1" };
      await agent.create(RoleBinding, roleBinding(key.name, key.namespace, [friend], MANAGED_BY) as KubeObject);
      await refused(owner.delete(RoleBinding, key), "drover-managed-objects", says);
      await refused(owner.patch(RoleBinding, key, { subjects: [robot] }, { type: "merge" }), "drover-managed-objects", says);
      const all = `/apis/${RBAC}/v1/namespaces/web-1/rolebindings`;
      await refused(owner.request("DELETE", all), "drover-managed-objects", says);
    });
    test("and does not take a name, or the label, that Drover's own objects have", async () => {
      const role = (name: string, labels = {}) => ({
        apiVersion: `${RBAC}/v1`,
        kind: "Role",
        metadata: { name, namespace: "web-1", labels },
        rules: [],
      });
      await refused(owner.create(Role, role("drover:web:owner")), "drover-managed-objects", PATH.managedObjects);
      await refused(owner.create(Role, role("mine", MANAGED_BY)), "drover-managed-objects", PATH.managedObjects);
      await owner.create(Role, role("mine"));
      await refused(
        owner.patch(Role, { name: "mine", namespace: "web-1" }, { metadata: { labels: MANAGED_BY } }, { type: "merge" }),
        "drover-managed-objects",
        PATH.managedObjects,
      );
    });
  });
});

test("a namespace with Drover's bindings in it can be deleted, by the namespace controller", async () => {
  await agent.create(Namespace, ofProject("going", "web"));
  await agent.create(RoleBinding, roleBinding("drover:web:viewer", "going", [personSubject("alice")], MANAGED_BY) as KubeObject);
  await wildcard.delete(Namespace, { name: "going" });
  await kubectl("wait", "--for=delete", "namespace/going", "--timeout=60s");
}, 90_000);

describe("labels of a namespace are guarded on its subresources too", () => {
  const level = { "pod-security.kubernetes.io/enforce": "baseline" };
  beforeAll(async () => void (await admin.create(Namespace, namespace("a51", { [LABEL.project]: "web", ...level }))));

  test("project label through PATCH …/status", () =>
    refused(patchLabels(wildcard, "a51", { [LABEL.project]: "shop" }, "/status"), "drover-namespaces", "/drover.dev/projects/shop/"));
  test("project label through PUT …/finalize", async () => {
    const found = await admin.get(Namespace, { name: "a51" });
    const body = { ...found, metadata: { ...found.metadata, labels: { ...found.metadata.labels, [LABEL.project]: "shop" } } };
    await refused(wildcard.request("PUT", "/api/v1/namespaces/a51/finalize", { body }), "drover-namespaces", "/drover.dev/projects/shop/");
  });
  test("Pod Security label dropped through PATCH …/status", () =>
    refused(
      patchLabels(wildcard, "a51", { "pod-security.kubernetes.io/enforce": null }, "/status"),
      "drover-namespaces",
      PATH.podSecurity,
    ));
  test("Pod Security label dropped through PUT …/finalize", async () => {
    const found = await admin.get(Namespace, { name: "a51" });
    const { "pod-security.kubernetes.io/enforce": _, ...labels } = found.metadata.labels ?? {};
    const body = { ...found, metadata: { ...found.metadata, labels } };
    await refused(wildcard.request("PUT", "/api/v1/namespaces/a51/finalize", { body }), "drover-namespaces", PATH.podSecurity);
  });
});

describe("what backs clusters and projects is a namespace of no project, for no one", () => {
  test.each(["kube-system", "drover-system", "kube-public"])("%s", (name) =>
    refused(patchLabels(admin, name, { [LABEL.project]: "web" }), "drover-namespaces", `namespace ${name} can be in no project`),
  );
  test("a namespace that backs the project of that name in another cluster", async () => {
    const labels = { [LABEL.backsProject]: "web", [LABEL.backsCluster]: "prod" };
    await admin.create(Namespace, namespace("project-prod--web", labels));
    const error = await patchLabels(admin, "project-prod--web", { [LABEL.project]: "web" }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 403, reason: "Forbidden" });
    expect((error as ApiError).message).toContain("namespace project-prod--web can be in no project");
  });
  test("a namespace whose name alone says so", async () => {
    await admin.create(Namespace, namespace("cluster-prod"));
    await refused(
      patchLabels(admin, "cluster-prod", { [LABEL.project]: "web" }),
      "drover-backing-namespaces",
      "its name says that it backs a cluster or a project",
    );
  });
});

describe("the holder of */*/* holds none of Drover's own powers by it:", () => {
  test.each([
    ["AccessSets", AccessSet, accessSet],
    ["ClusterMembers", ClusterMembers, clusterMembers],
  ] as const)("writes no %s", (_name, kind, object) =>
    refused(wildcard.create(kind as Kind<KubeObject>, object), "drover-compiled-kinds", PATH.managedObjects),
  );
  test("binds no Drover identity", () =>
    refused(
      wildcard.create(RoleBinding, roleBinding("x", "default", [personSubject("eve")]) as KubeObject),
      "drover-managed-objects",
      "drover:",
    ));
  test("claims no namespace", () =>
    refused(wildcard.create(Namespace, ofProject("a53", "web")), "drover-namespaces", "/drover.dev/projects/web/"));
  test("makes no backing namespace, by name or by label", async () => {
    await refused(wildcard.create(Namespace, namespace("cluster-a53")), "drover-backing-namespaces", PATH.backingNamespaces);
    await refused(
      wildcard.create(Namespace, namespace("a53", { [LABEL.backsCluster]: "a53" })),
      "drover-namespaces",
      PATH.backingNamespaces,
    );
  });
  test("passes no other cluster for the hub, and takes the label from none", async () => {
    await refused(wildcard.create(Cluster, cluster("a53", { [LABEL.hub]: "true" })), "drover-hub-label", LABEL.hub);
    await refused(wildcard.create(Cluster, cluster("hub")), "drover-hub-label", LABEL.hub);
  });
  test("and still makes what is nobody's", async () => {
    await wildcard.create(Namespace, namespace("a53-plain"));
    await wildcard.create(Cluster, cluster("a53"));
  });
});

describe("Token and Identity are made by auth only", () => {
  test.each([
    ["Token", Token, token],
    ["Identity", Identity, identity],
  ] as const)("%s: not by */*/*, not by an administrator of everything, not by an operator", async (_name, kind, object) => {
    const operator = await account("operator-access", "drover-system");
    await grant("test:operator", [EVERYTHING, use("/drover.dev/*")], {
      kind: "ServiceAccount",
      name: "operator-access",
      namespace: "drover-system",
    });
    for (const client of [wildcard, admin, operator]) {
      await refused(client.create(kind as Kind<KubeObject>, object), "drover-credentials", "are made by Drover's auth alone");
    }
  });
  test("by auth, with the rights that deploy/ gives it", async () => {
    const auth = await account("auth", "drover-system");
    await auth.create(Token, token);
    await auth.delete(Token, { name: token.metadata.name });
  });
});

test("compiled kinds are written by their one writer, with the rights that deploy/ gives it", async () => {
  const operator = await account("operator-access", "drover-system");
  await operator.create(AccessSet, accessSet);
  await operator.create(ClusterMembers, clusterMembers);
});

describe("what is found out about Users and templates is written by the operators, groups of a User above all:", () => {
  const status = (client: KubeClient, kind: Kind<KubeObject>, name: string, value: object) =>
    client.patch(kind, { name }, { status: value }, { type: "merge", subresource: "status" });
  const groups = [{ provider: "corp", names: ["admins"] }];
  beforeAll(async () => {
    const head = { apiVersion: "drover.dev/v1alpha1", metadata: { name: "found" } };
    await wildcard.create(User, { ...head, kind: "User", spec: { enabled: true } });
    const spec = { displayName: "Found", context: "Project", rules: [], capabilities: [], inherits: [] };
    await wildcard.create(ClusterRoleTemplate, { ...head, kind: "ClusterRoleTemplate", spec } as unknown as ClusterRoleTemplate);
  });

  test("not by the holder of every right over resources, who still writes the rest of them", async () => {
    const rules = [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }];
    await refused(status(wildcard, User, "found", { groups }), "drover-compiled-kinds", "users are written by Drover itself");
    const flattened = { rules };
    const says = "clusterroletemplates are written by Drover itself";
    await refused(status(wildcard, ClusterRoleTemplate, "found", flattened), "drover-compiled-kinds", says);
    await wildcard.patch(User, { name: "found" }, { spec: { displayName: "Found" } }, { type: "merge" });
    await wildcard.patch(ClusterRoleTemplate, { name: "found" }, { metadata: { labels: { a: "b" } } }, { type: "merge" });
  });
  test("by the identity operator, with the rights that deploy/ gives it", async () => {
    const operator = await account("operator-identity", "drover-system");
    await status(operator, User, "found", { groups });
  });
  test("auth notes the last login, and does not touch groups or conditions, with the rights that deploy/ gives it", async () => {
    const auth = await account("auth", "drover-system");
    await status(auth, User, "found", { lastLoginTime: "2030-01-01T00:00:00Z" });
    for (const value of [{ groups: [] }, { groups: null }, { groups: [{ provider: "corp", names: ["root"] }] }, { conditions: [] }])
      await refused(status(auth, User, "found", value), "drover-compiled-kinds", "users are written by Drover itself");
    expect((await admin.get(User, { name: "found" })).status).toMatchObject({ groups, lastLoginTime: "2030-01-01T00:00:00Z" });
  });
  test("auth says which password is the current one and that all logins ended, and takes no ended login back", async () => {
    const auth = await account("auth", "drover-system");
    await status(auth, User, "found", { credential: "00000000000000aa" });
    await status(auth, User, "found", { credential: "00000000000000bb", loginGeneration: 1 });
    await status(auth, User, "found", { loginGeneration: 2 });
    for (const loginGeneration of [1, null])
      await refused(status(auth, User, "found", { loginGeneration }), "drover-compiled-kinds", "users are written by Drover itself");
    await status(auth, User, "found", { lastLoginTime: "2030-01-02T00:00:00Z" });
  });
  test("templates by the access operator, and not by another one", async () => {
    const identityOperator = await account("operator-identity", "drover-system");
    await grant("test:identity", [EVERYTHING], { kind: "ServiceAccount", name: "operator-identity", namespace: "drover-system" });
    const attempt = status(identityOperator, ClusterRoleTemplate, "found", { rules: [] });
    await refused(attempt, "drover-compiled-kinds", "clusterroletemplates are written by Drover itself");
    await status(await account("operator-access", "drover-system"), ClusterRoleTemplate, "found", { rules: [] });
  });
});

test("an agent, whatever RBAC it were given, writes its own cluster's report and no other's, and never what it is to apply", async () => {
  for (const name of ["cluster-a", "cluster-b"]) {
    await admin.create(Namespace, namespace(name));
    const metadata = { name: "agent", namespace: name };
    await admin.create(ClusterReport, { apiVersion: "drover.dev/v1alpha1", kind: "ClusterReport", metadata, spec: {} });
    await admin.create(AccessSet, { ...accessSet, metadata: { name: "cluster", namespace: name } });
  }
  await grant("test:agent-a", [EVERYTHING], { kind: "ServiceAccount", name: "agent", namespace: "cluster-a" });
  const own = await account("agent", "cluster-a");
  const report = (where: string) =>
    own.patch(ClusterReport, { name: "agent", namespace: where }, { status: { healthy: true } }, { type: "merge", subresource: "status" });
  const set = (where: string, patch: object, subresource?: "status") =>
    own.patch(AccessSet, { name: "cluster", namespace: where }, patch, { type: "merge", ...(subresource && { subresource }) });
  await report("cluster-a");
  await set("cluster-a", { status: { epoch: 1 } }, "status");
  const whole = own.patch(
    ClusterReport,
    { name: "agent", namespace: "cluster-a" },
    { metadata: { labels: { a: "b" } } },
    { type: "merge" },
  );
  await refused(whole, "drover-compiled-kinds", "clusterreports are written by Drover itself");
  await refused(report("cluster-b"), "drover-compiled-kinds", "clusterreports are written by Drover itself");
  await refused(set("cluster-b", { status: { epoch: 1 } }, "status"), "drover-compiled-kinds", "accesssets are written by Drover itself");
  await refused(set("cluster-a", { spec: { epoch: 2 } }), "drover-compiled-kinds", "accesssets are written by Drover itself");
});

describe("nobody prepares the namespace of a project that does not exist yet", () => {
  test.each(["project-east--x", "cluster-x"])("%s", async (name) => {
    await grant("test:maker", [{ apiGroups: [""], resources: ["namespaces"], verbs: ["*"] }], accountSubject("maker"));
    const maker = await account("maker", "default");
    const says = `needs the right to use ${PATH.backingNamespaces}`;
    await refused(maker.create(Namespace, namespace(name)), "drover-backing-namespaces", says);
    await refused(maker.apply(Namespace, namespace(name), { fieldManager: "x" }), "drover-backing-namespaces", says);
  });
  test("but who declares it in YAML and has the right does", async () => {
    await grant(
      "test:gitops",
      [{ apiGroups: [""], resources: ["namespaces"], verbs: ["*"] }, use(PATH.backingNamespaces)],
      accountSubject("gitops"),
    );
    const gitops = await account("gitops", "default");
    const labels = { [LABEL.backsProject]: "x", [LABEL.backsCluster]: "east" };
    await gitops.apply(Namespace, namespace("project-east--x", labels), { fieldManager: "gitops" });
  });
});

test("with the rights of ClaimNamespaces and of both projects a namespace moves, in and out", async () => {
  const paths = use(PATH.projectNamespaces("web"), PATH.projectNamespaces("shop"), PATH.claimNamespaces);
  await grant("test:mover", [{ apiGroups: [""], resources: ["namespaces"], verbs: ["*"] }, paths], personSubject("mover"));
  const mover = person("mover");
  await mover.create(Namespace, namespace("moving"));
  for (const project of ["web", "shop", null]) await patchLabels(mover, "moving", { [LABEL.project]: project });
});

test("the agent keeps labels, annotations and bindings in order without any path of its own", async () => {
  await grant("test:agent", [EVERYTHING], { kind: "ServiceAccount", name: "agent", namespace: "drover-system" });
  await patchLabels(agent, "a51", { "pod-security.kubernetes.io/enforce": "restricted" });
  await agent.create(RoleBinding, roleBinding("drover:web:viewer", "a51", [personSubject("alice")], MANAGED_BY) as KubeObject);
  await agent.delete(RoleBinding, { name: "drover:web:viewer", namespace: "a51" });
});
