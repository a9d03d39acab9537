// Where objects that people write name other objects of the hub: what kustomize has to know to rename both together.

export interface Reference {
  /** The kind that names another one. */
  readonly from: string;
  /** Of the field, as kustomize writes it. */
  readonly path: string;
  readonly to: string;
}

const BINDINGS = ["ClusterRoleTemplateBinding", "ProjectRoleTemplateBinding", "GlobalRoleBinding"] as const;
const SECRETS = [
  "activeDirectory/caSecret",
  "activeDirectory/bind/passwordSecret",
  "ldap/caSecret",
  "ldap/bind/passwordSecret",
  "github/clientSecret",
  "oidc/clientSecret",
  "oidc/caSecret",
] as const;

export const REFERENCES: readonly Reference[] = [
  { from: "ClusterRoleTemplateBinding", path: "spec/template", to: "ClusterRoleTemplate" },
  { from: "ProjectRoleTemplateBinding", path: "spec/template", to: "ClusterRoleTemplate" },
  { from: "ClusterRoleTemplate", path: "spec/inherits", to: "ClusterRoleTemplate" },
  { from: "GlobalRole", path: "spec/grants/template", to: "ClusterRoleTemplate" },
  { from: "GlobalRoleBinding", path: "spec/globalRole", to: "GlobalRole" },
  ...BINDINGS.map((from) => ({ from, path: "spec/subject/name", to: "User" })),
  ...BINDINGS.map((from) => ({ from, path: "spec/subject/provider", to: "AuthProvider" })),
  { from: "AuthProvider", path: "spec/access/users", to: "User" },
  { from: "User", path: "spec/local/passwordSecret/name", to: "Secret" },
  ...SECRETS.map((path) => ({ from: "AuthProvider", path: `spec/${path}/name`, to: "Secret" })),
];
