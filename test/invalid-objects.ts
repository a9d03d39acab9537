// Wrong input of users, and what the API server must answer: the table behind crds.itest.ts.
// `says` is part of the message; it says what to write instead.

export interface BadInput {
  readonly why: string;
  readonly object: Readonly<Record<string, unknown>>;
  readonly says: string;
}

export interface BadChange {
  readonly why: string;
  readonly from: Readonly<Record<string, unknown>>;
  /** Merged over `from.spec`; null takes a field out. */
  readonly to: Readonly<Record<string, unknown>>;
  readonly says: string;
}

const CLUSTER_NAMESPACE = "cluster-east";
const PROJECT_NAMESPACE = "project-east--web";

const object = (kind: string, name: string, spec: unknown, namespace?: string): Readonly<Record<string, unknown>> => ({
  apiVersion: "drover.dev/v1alpha1",
  kind,
  metadata: { name, ...(namespace !== undefined && { namespace }) },
  spec,
});

const cluster = (name: string, spec: unknown = { import: {} }) => object("Cluster", name, spec);
const project = (name: string, spec: unknown = {}) => object("Project", name, spec, CLUSTER_NAMESPACE);
const template = (spec: Readonly<Record<string, unknown>>) =>
  object("ClusterRoleTemplate", "bad", { displayName: "Bad", context: "Project", ...spec });
const inCluster = (subject: unknown, more = {}) =>
  object("ClusterRoleTemplateBinding", "bad", { template: "nodes-view", subject, ...more }, CLUSTER_NAMESPACE);
const inProject = (subject: unknown, more = {}) =>
  object("ProjectRoleTemplateBinding", "bad", { template: "pod-reader", subject, ...more }, PROJECT_NAMESPACE);
const global = (subject: unknown) => object("GlobalRoleBinding", "bad", { globalRole: "admin", subject });
const provider = (spec: unknown) => object("AuthProvider", "bad", spec);
const directory = {
  servers: ["dc1.corp.test"],
  bind: { username: "CORP\\drover", passwordSecret: { name: "corp-bind" } },
  userSearchBase: "DC=corp,DC=test",
};
const github = { clientID: "x", clientSecret: { name: "x" } };
const oidc = { issuer: "https://id.example", clientID: "x", clientSecret: { name: "x" } };
const globalRole = (clusterSelector: unknown) =>
  object("GlobalRole", "bad", { displayName: "Bad", grants: [{ template: "cluster-viewer", clusterSelector }] });
const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const token = (name: string, more = {}) =>
  object("Token", name, {
    ...{ hash, user: "alice", userUID: "u", provider: "local", providerUID: "p", kind: "Login", expiresAt: "2030-01-01T00:00:00Z" },
    ...more,
  });
const set = (name: string, spec: Readonly<Record<string, unknown>>) =>
  object(
    "AccessSet",
    name,
    { scope: "Cluster", epoch: 1, history: ["1-00000000"], part: 1, parts: 1, bindings: [], ...spec },
    CLUSTER_NAMESPACE,
  );

const SHORT_NAME = "at most 26 lower-case letters, digits and '-'";
const ALICE = { kind: "User", name: "alice" };

export const INVALID_OBJECTS: readonly BadInput[] = [
  {
    why: "an accepted restore on another cluster than the hub",
    object: cluster("bad", { import: {}, restoreAcceptedAt: "2026-06-01T00:00:00Z" }),
    says: "it stands on the cluster `hub` only",
  },
  { why: "a cluster without an engine", object: cluster("bad", {}), says: "for a cluster that exists: `import: {}`" },
  { why: "a cluster with two engines", object: cluster("bad", { import: {}, rke2: {} }), says: "write exactly one of import" },
  { why: "a cluster whose name has 27 characters", object: cluster("a".repeat(27)), says: SHORT_NAME },
  { why: "a cluster whose name has two dashes in a row", object: cluster("east--web"), says: "no '--'" },
  { why: "a cluster whose name has a dot", object: cluster("east.eu"), says: SHORT_NAME },
  { why: "a hub that is not imported", object: cluster("hub", { rke2: {} }), says: "the cluster `hub` is the one that Drover runs on" },
  { why: "an unknown field", object: cluster("bad", { import: {}, provider: "aws" }), says: 'unknown field "spec.provider"' },
  {
    why: "an agent group without its provider",
    object: cluster("bad", { import: {}, agent: { groups: ["developers"] } }),
    says: "write provider:group, as in corp:developers",
  },
  { why: "a project whose name has 27 characters", object: project("p".repeat(27)), says: SHORT_NAME },
  { why: "a project whose name has two dashes in a row", object: project("a--b"), says: "no '--'" },
  {
    why: "a Pod Security level that does not exist",
    object: project("bad", { podSecurity: { enforce: "strict" } }),
    says: '"privileged", "baseline", "restricted"',
  },
  {
    why: "a share of a resource that the project has no total of",
    object: project("bad", { quota: { total: { pods: 10 }, namespaceDefault: { memory: "1Gi" } } }),
    says: "each resource in `namespaceDefault` must be in `total` too",
  },
  { why: "an amount that is none", object: project("bad", { quota: { total: { memory: "much" } } }), says: "spec.quota.total.memory" },
  {
    why: "a rule about Drover's own kinds",
    object: template({ rules: [{ apiGroups: ["drover.dev"], resources: ["tokens"], verbs: ["get"] }] }),
    says: "Drover's own powers are given by `capabilities`",
  },
  {
    why: "a rule without verbs",
    object: template({ rules: [{ apiGroups: [""], resources: ["pods"], verbs: [] }] }),
    says: "spec.rules[0].verbs",
  },
  {
    why: "a rule about a path",
    object: template({ rules: [{ nonResourceURLs: ["/drover.dev/*"], verbs: ["use"] }] }),
    says: 'unknown field "spec.rules[0].nonResourceURLs"',
  },
  { why: "a capability that does not exist", object: template({ capabilities: ["Everything"] }), says: '"ManageMembers"' },
  { why: "a context that does not exist", object: template({ context: "Namespace" }), says: '"Cluster", "Project"' },
  {
    why: "an external ClusterRole beside rules",
    object: template({ externalClusterRole: "view", rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }),
    says: "with `externalClusterRole` leave out `rules`",
  },
  {
    why: "an external ClusterRole beside capabilities",
    object: template({ externalClusterRole: "view", capabilities: ["ManageMembers"] }),
    says: "with `externalClusterRole` leave out `rules`",
  },
  {
    why: "a template whose name cannot be part of a name in members",
    object: object("ClusterRoleTemplate", "a.b", { displayName: "Bad", context: "Cluster" }),
    says: "name the template with at most 63",
  },
  { why: "a User with a provider", object: inProject({ ...ALICE, provider: "corp" }), says: "a User is named by `name` alone" },
  { why: "a Group without its provider", object: inProject({ kind: "Group", name: "devs" }), says: "a Group needs `provider`" },
  {
    why: "a ServiceAccount without its namespace",
    object: inProject({ kind: "ServiceAccount", name: "ci" }),
    says: "a ServiceAccount needs `namespace`",
  },
  {
    why: "a kind of subject that does not exist",
    object: inProject({ kind: "Robot", name: "r2" }),
    says: '"User", "Group", "ServiceAccount"',
  },
  {
    why: "a Group without its provider, in a cluster",
    object: inCluster({ kind: "Group", name: "devs" }),
    says: "a Group needs `provider`",
  },
  { why: "a ServiceAccount in a cluster", object: inCluster({ kind: "ServiceAccount", name: "ci" }), says: '"User", "Group"' },
  { why: "a ServiceAccount in a global binding", object: global({ kind: "ServiceAccount", name: "ci" }), says: '"User", "Group"' },
  { why: "a User with a provider, globally", object: global({ ...ALICE, provider: "corp" }), says: "a User is named by `name` alone" },
  { why: "a binding to nobody", object: inProject({ kind: "User", name: "" }), says: "spec.subject.name" },
  { why: "an end date that is no time", object: inProject(ALICE, { expiresAt: "next week" }), says: "spec.expiresAt" },
  { why: "a provider of no type", object: provider({}), says: "write exactly one of local, activeDirectory, ldap, github and oidc" },
  { why: "a provider of two types", object: provider({ local: {}, github }), says: "write exactly one of local" },
  {
    why: "a directory server written as a URL",
    object: provider({ activeDirectory: { ...directory, servers: ["ldaps://dc1"] } }),
    says: "write a host name, or host:port, without a scheme",
  },
  { why: "a directory without servers", object: provider({ ldap: { ...directory, servers: [] } }), says: "spec.ldap.servers" },
  { why: "an issuer without TLS", object: provider({ oidc: { ...oidc, issuer: "http://id.example" } }), says: "write an https URL" },
  { why: "passwords of four characters", object: provider({ local: { minPasswordLength: 4 } }), says: "greater than or equal to 8" },
  {
    why: "an access mode that does not exist",
    object: provider({ local: {}, access: { mode: "Open" } }),
    says: '"Unrestricted", "Restricted", "Required"',
  },
  {
    why: "a password in the User itself",
    object: object("User", "bad", { local: { password: "correct horse" } }),
    says: 'unknown field "spec.local.password"',
  },
  { why: "a User whose name is a mail address", object: object("User", "alice.example.com", {}), says: "name the User with at most 63" },
  {
    why: "a selector that compares with nothing",
    object: globalRole({ matchExpressions: [{ key: "env", operator: "In" }] }),
    says: "In and NotIn need `values`",
  },
  {
    why: "a selector that asks for existence with values",
    object: globalRole({ matchExpressions: [{ key: "env", operator: "Exists", values: ["x"] }] }),
    says: "Exists and DoesNotExist take none",
  },
  {
    why: "a Token that is not named after its hash",
    object: token("t-1"),
    says: "a Token is named 't-' and the first 32 digits of its hash",
  },
  { why: "a Token with its text instead of its hash", object: token("t-1", { hash: "drv_secret" }), says: "spec.hash" },
  {
    why: "an AccessSet of a project without the project",
    object: set("project-web", { scope: "Project" }),
    says: "scope Project needs `project`",
  },
  { why: "the set `cluster` without the index", object: set("cluster", {}), says: "the set `cluster` carries the index" },
  { why: "an index on another set", object: set("project-web", { index: { sets: [] } }), says: "the set `cluster` carries the index" },
  {
    why: "a second ClusterMembers in one cluster",
    object: object("ClusterMembers", "more", { users: [], groups: [], everyone: false }, CLUSTER_NAMESPACE),
    says: "its name is 'members'",
  },
  {
    why: "a second ClusterReport in one cluster",
    object: object("ClusterReport", "more", {}, CLUSTER_NAMESPACE),
    says: "its name is 'agent'",
  },
];

export const INVALID_CHANGES: readonly BadChange[] = [
  {
    why: "another engine",
    from: cluster("change", { import: {} }),
    to: { import: null, rke2: {} },
    says: "the engine of a cluster cannot be changed",
  },
  {
    why: "another template of a project binding",
    from: inProject(ALICE),
    to: { template: "admin" },
    says: "what a binding grants cannot be changed",
  },
  {
    why: "another subject of a project binding",
    from: inProject(ALICE),
    to: { subject: { kind: "User", name: "eve" } },
    says: "a binding's subject cannot be changed",
  },
  {
    why: "another template of a cluster binding",
    from: inCluster(ALICE),
    to: { template: "admin" },
    says: "what a binding grants cannot be changed",
  },
  {
    why: "another subject of a cluster binding",
    from: inCluster(ALICE),
    to: { subject: { kind: "User", name: "eve" } },
    says: "a binding's subject cannot be changed",
  },
  {
    why: "another role of a global binding",
    from: global(ALICE),
    to: { globalRole: "prod-viewer" },
    says: "what a binding grants cannot be changed",
  },
  {
    why: "another subject of a global binding",
    from: global(ALICE),
    to: { subject: { kind: "User", name: "eve" } },
    says: "a binding's subject cannot be changed",
  },
  {
    why: "another context of a template",
    from: template({}),
    to: { context: "Cluster" },
    says: "the context of a template cannot be changed",
  },
  {
    why: "another type of a provider",
    from: provider({ local: {} }),
    to: { local: null, github },
    says: "the type of a provider cannot be changed",
  },
  {
    why: "another issuer of a provider",
    from: provider({ oidc }),
    to: { oidc: { issuer: "https://other.example" } },
    says: "the issuer cannot be changed",
  },
  {
    why: "another host of a provider",
    from: provider({ github }),
    to: { github: { host: "github.example" } },
    says: "the host cannot be changed",
  },
  {
    why: "another directory under an old name",
    from: provider({ activeDirectory: directory }),
    to: { activeDirectory: { servers: ["dc.evil.test"] } },
    says: "for another directory make another AuthProvider",
  },
  { why: "another owner of a Token", from: token(`t-${hash.slice(0, 32)}`), to: { user: "eve" }, says: "a Token never changes" },
  {
    why: "another owner of an Identity",
    from: object("Identity", "i-1", { provider: "corp", subject: "1", user: "alice" }),
    to: { user: "eve" },
    says: "an Identity never changes",
  },
];
