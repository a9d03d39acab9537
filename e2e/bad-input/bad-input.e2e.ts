// Wrong input of users: the API server refuses it with a sentence that says what to write instead; what a schema cannot know is
// a condition with a documented reason, and nothing is applied.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { clusterBinding, projectBinding, readPods, type Site, site, templateYAML, user } from "../harness/fixtures.ts";
import { hub, type Manifest, managed } from "../harness/kubectl.ts";
import { not, until } from "../harness/until.ts";
import { deleteUser, userYAML } from "../harness/users.ts";

jest.setTimeout(180_000);

const drover = (kind: string, name: string, spec: object, namespace?: string): Manifest => ({
  apiVersion: "drover.dev/v1alpha1",
  kind,
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  spec,
});

const template = templateYAML("bi-reader", [readPods]);
let where: Site;

beforeAll(async () => {
  await hub().apply(template);
  where = await site("east", "bi-web");
  await hub().apply(...userYAML("bi-lee", "lee has a long password"));
});

afterAll(async () => {
  await deleteUser("bi-lee");
  await where.remove();
  await hub().delete(template);
});

const inEast = "cluster-east";
const reads = { displayName: "x", context: "Project", rules: [] };
const lee = { kind: "User", name: "bi-lee" };

/** What is written, the object, and what the refusal says. */
const refused: readonly (readonly [string, Manifest, RegExp])[] = [
  [
    "a cluster name of 27 letters",
    drover("Cluster", "a".repeat(27), { import: {} }),
    /name the cluster with at most 26 lower-case letters/,
  ],
  ["a cluster name with --", drover("Cluster", "ea--st", { import: {} }), /no '--'/],
  ["a cluster name with a dot", drover("Cluster", "ea.st", { import: {} }), /name the cluster with/],
  ["a cluster without an engine", drover("Cluster", "bi-none", { displayName: "x" }), /write exactly one of import, embedded/],
  ["a cluster with two engines", drover("Cluster", "bi-two", { import: {}, kind: {} }), /write exactly one of import, embedded/],
  ["a hub that is not imported", drover("Cluster", "hub", { kind: {} }), /`import: \{\}`|engine of a cluster cannot be changed/],
  ["a field that does not exist", drover("Cluster", "bi-field", { import: {}, enabled: true }), /unknown field "spec.enabled"/],
  ["a project name with --", drover("Project", "a--b", {}, inEast), /name the project with/],
  [
    "an unknown Pod Security level",
    drover("Project", "bi-ps", { podSecurity: { enforce: "strict" } }, inEast),
    /"privileged", "baseline", "restricted"/,
  ],
  ["a quota that is no quantity", drover("Project", "bi-q", { quota: { total: { cpu: "many" } } }, inEast), /spec\.quota\.total\.cpu/],
  [
    "a namespace's share of nothing",
    drover("Project", "bi-s", { quota: { namespaceDefault: { cpu: "1" } } }, inEast),
    /must be in `total` too/,
  ],
  ["a provider of no type", drover("AuthProvider", "bi-none", {}), /write exactly one of local, activeDirectory/],
  [
    "a provider of two types",
    drover("AuthProvider", "bi-two", {
      local: {},
      oidc: { issuer: "https://a.test", clientID: "x", clientSecret: { name: "x" }, caSecret: { name: "x" } },
    }),
    /write exactly one of local/,
  ],
  [
    "an issuer without https",
    drover("AuthProvider", "bi-http", {
      oidc: { issuer: "http://a.test", clientID: "x", clientSecret: { name: "x" }, caSecret: { name: "x" } },
    }),
    /write an https URL/,
  ],
  ["a short minimum of passwords", drover("AuthProvider", "bi-min", { local: { minPasswordLength: 3 } }), /greater than or equal to 8/],
  [
    "a template with rules on drover.dev",
    drover("ClusterRoleTemplate", "bi-own", { ...reads, rules: [{ apiGroups: ["drover.dev"], resources: ["tokens"], verbs: ["get"] }] }),
    /drover\.dev/,
  ],
  [
    "a template with an unknown capability",
    drover("ClusterRoleTemplate", "bi-cap", { ...reads, capabilities: ["Everything"] }),
    /Unsupported value: "Everything"/,
  ],
  ["a template with an unknown context", drover("ClusterRoleTemplate", "bi-ctx", { ...reads, context: "Galaxy" }), /"Cluster", "Project"/],
  [
    "a template with an external role and rules",
    drover("ClusterRoleTemplate", "bi-ext", { ...reads, rules: [readPods], externalClusterRole: "view" }),
    /externalClusterRole/,
  ],
  [
    "a rule without verbs",
    drover("ClusterRoleTemplate", "bi-verb", { ...reads, rules: [{ apiGroups: [""], resources: ["pods"], verbs: [] }] }),
    /verbs/,
  ],
  [
    "a binding of nobody",
    drover("ClusterRoleTemplateBinding", "bi-nobody", { template: "cluster-viewer" }, inEast),
    /spec\.subject: Required value/,
  ],
  [
    "a binding of a group without provider",
    drover("ClusterRoleTemplateBinding", "bi-group", { template: "cluster-viewer", subject: { kind: "Group", name: "devs" } }, inEast),
    /a Group needs `provider`/,
  ],
  [
    "a binding of a user with provider",
    drover("ClusterRoleTemplateBinding", "bi-user", { template: "cluster-viewer", subject: { ...lee, provider: "corp" } }, inEast),
    /leave out `provider`/,
  ],
  [
    "a cluster binding of a ServiceAccount",
    drover("ClusterRoleTemplateBinding", "bi-sa", { template: "cluster-viewer", subject: { kind: "ServiceAccount", name: "x" } }, inEast),
    /Unsupported value: "ServiceAccount"/,
  ],
  [
    "a project binding of a ServiceAccount of nowhere",
    drover(
      "ProjectRoleTemplateBinding",
      "bi-sa",
      { template: "bi-reader", subject: { kind: "ServiceAccount", name: "x" } },
      "project-east--bi-web",
    ),
    /a ServiceAccount needs `namespace`/,
  ],
  [
    "an end date that is none",
    drover("ClusterRoleTemplateBinding", "bi-date", { template: "cluster-viewer", subject: lee, expiresAt: "tomorrow" }, inEast),
    /spec\.expiresAt/,
  ],
  [
    "a global role for a project template's selector of no form",
    drover("GlobalRole", "bi-sel", {
      displayName: "x",
      grants: [{ template: "cluster-viewer", clusterSelector: { matchExpressions: [{ key: "env", operator: "In" }] } }],
    }),
    /In and NotIn need `values`/,
  ],
  [
    "a global binding of a ServiceAccount",
    drover("GlobalRoleBinding", "bi-sa", { globalRole: "admin", subject: { kind: "ServiceAccount", name: "x" } }),
    /Unsupported value: "ServiceAccount"/,
  ],
];

describe("the API server refuses", () => {
  test.each(refused)("%s", async (_what, manifest, message) => {
    const { code, stdout, stderr } = await hub().run(["create", "-f", "-"], { input: JSON.stringify(manifest) });
    if (code === 0) await hub().delete(manifest);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(message);
  });

  test.each([
    [
      "a Token",
      drover("Token", `t-${"0".repeat(32)}`, {
        hash: "0".repeat(64),
        ...{ user: "root", userUID: "u", provider: "local", providerUID: "p" },
        kind: "Api",
        expiresAt: "2035-01-01T00:00:00Z",
      }),
    ],
    ["an Identity", drover("Identity", "i-00000000000000000000000000000000", { provider: "local", subject: "bi-lee", user: "root" })],
  ])("%s by anybody but auth, the hub's administrator too", async (_what, manifest) => {
    const { code, stderr } = await hub().run(["create", "-f", "-"], { input: JSON.stringify(manifest) });
    if (code === 0) await hub().delete(manifest);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Forbidden|is forbidden/);
  });
});

describe("the API server refuses to change", () => {
  const binding = () => projectBinding(where, "bi-fixed", "bi-reader", user("bi-lee"));
  beforeAll(async () => void (await hub().apply(binding())));

  test.each([
    [
      "the template of a binding",
      { template: "project-owner" },
      /what a binding grants cannot be changed: delete this binding and make another/,
    ],
    [
      "the subject of a binding",
      { subject: { name: "root" } },
      /a binding's subject cannot be changed: delete this binding and make another/,
    ],
  ])("%s", async (_what, spec, message) => {
    const { code, stderr } = await hub().run([
      "patch",
      "projectroletemplatebinding",
      "bi-fixed",
      "-n",
      "project-east--bi-web",
      "--type=merge",
      "-p",
      JSON.stringify({ spec }),
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  test("the engine of a cluster", async () => {
    const patch = JSON.stringify({ spec: { import: null, kind: {} } });
    const { code, stderr } = await hub().run(["patch", "cluster", "east", "--type=merge", "--dry-run=server", "-p", patch]);
    expect(code).toBe(1);
    expect(stderr).toContain("the engine of a cluster cannot be changed: make another Cluster");
  });
});

/** What is written, the objects, which of them is not accepted, and why. */
const notAccepted: readonly (readonly [string, () => Manifest[], string])[] = [
  ["a binding to a template that does not exist", () => [projectBinding(where, "bi-1", "bi-nothing", user("bi-lee"))], "TemplateNotFound"],
  ["a binding of a user who does not exist", () => [projectBinding(where, "bi-2", "bi-reader", user("bi-nobody"))], "SubjectNotFound"],
  ["a cluster template bound in a project", () => [projectBinding(where, "bi-3", "cluster-viewer", user("bi-lee"))], "ContextMismatch"],
  ["a project template bound in a cluster", () => [clusterBinding("east", "bi-4", "bi-reader", user("bi-lee"))], "ContextMismatch"],
  [
    "a group of a provider that does not exist",
    () => [clusterBinding("east", "bi-5", "cluster-viewer", { kind: "Group", provider: "nowhere", name: "devs" })],
    "ProviderNotFound",
  ],
  [
    "an end date that has passed",
    () => [projectBinding(where, "bi-6", "bi-reader", user("bi-lee"), { expiresAt: "2020-01-01T00:00:00Z" })],
    "Expired",
  ],
  [
    "a ServiceAccount of kube-system",
    () => [projectBinding(where, "bi-7", "bi-reader", { kind: "ServiceAccount", namespace: "kube-system", name: "default" })],
    "SubjectNotAllowed",
  ],
  [
    "a template with a parent that does not exist",
    () => [drover("ClusterRoleTemplate", "bi-orphan", { ...reads, inherits: ["bi-nothing"] })],
    "ParentNotFound",
  ],
  [
    "a template that inherits itself",
    () => [
      drover("ClusterRoleTemplate", "bi-a", { ...reads, inherits: ["bi-b"] }),
      drover("ClusterRoleTemplate", "bi-b", { ...reads, inherits: ["bi-a"] }),
    ],
    "InheritanceCycle",
  ],
  [
    "a template that inherits one of the other context",
    () => [drover("ClusterRoleTemplate", "bi-mixed", { ...reads, inherits: ["cluster-viewer"] })],
    "ContextMismatch",
  ],
  [
    "a global role of a template that does not exist",
    () => [drover("GlobalRole", "bi-role", { displayName: "x", grants: [{ template: "bi-nothing", clusterSelector: {} }] })],
    "TemplateNotFound",
  ],
  [
    "a global binding to a role that does not exist",
    () => [drover("GlobalRoleBinding", "bi-global", { globalRole: "bi-nothing", subject: lee })],
    "RoleNotFound",
  ],
  [
    "a user whose Secret does not exist",
    () => [drover("User", "bi-nosecret", { local: { passwordSecret: { name: "bi-nothing" } } })],
    "SecretNotFound",
  ],
  ["a user with a short password", () => userYAML("bi-short", "short"), "PasswordTooShort"],
];

test.each(notAccepted)("%s is Accepted=False with its reason, and gives nothing", async (_what, make, reason) => {
  const objects = make();
  const last = objects.at(-1) as Manifest;
  await hub().apply(...objects);
  try {
    await until(`Accepted=False, ${reason}`, async () => {
      const { status } = await hub().get<{ status?: { conditions?: { type: string; status: string; reason: string; message: string }[] } }>(
        last.kind,
        last.metadata.name,
        ...(last.metadata.namespace ? ["-n", last.metadata.namespace] : []),
      );
      const accepted = status?.conditions?.find(({ type }) => type === "Accepted");
      return accepted?.status === "False" && accepted.reason === reason && accepted.message !== "" ? true : not(status ?? "no status");
    });
    const { items } = await managed("east").get<{ items: { subjects?: { name: string }[] }[] }>("rolebindings,clusterrolebindings", "-A");
    expect(items.flatMap(({ subjects = [] }) => subjects.map(({ name }) => name))).not.toContain("drover:user:bi-nobody");
  } finally {
    await hub().delete(...objects);
  }
});

test("a template whose cycle is broken is accepted, and a binding whose template arrives later counts", async () => {
  const late = projectBinding(where, "bi-late", "bi-late", user("bi-lee"));
  await hub().apply(late);
  const accepted = (wanted: string) => async () => {
    const { status } = await hub().get<{ status?: { conditions?: { type: string; status: string }[] } }>(
      late.kind,
      "bi-late",
      "-n",
      "project-east--bi-web",
    );
    return status?.conditions?.some((c) => c.type === "Accepted" && c.status === wanted) ? true : not(status ?? "no status");
  };
  await until("not accepted", accepted("False"));
  await hub().apply(templateYAML("bi-late", [readPods]));
  await until("accepted", accepted("True"));
  await hub().delete(late, templateYAML("bi-late", []));
});
