import { object, string } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { displayName, shortName } from "./names.ts";
import { isolation, limits, podSecurity, quota } from "./namespace-policy.ts";

/** NamespaceReady: the project's namespace on the hub exists and is Drover's alone. */
export const NamespaceReady = condition("NamespaceReady", "The project's namespace on the hub exists and is Drover's alone.", {
  Ready: "Nothing to do.",
  Creating: "Asked for, not yet Active; resolves by itself.",
  NameTaken:
    "A namespace of that name exists without Drover's labels, or with RoleBindings or ServiceAccounts in it. Delete the Project and use another name, or label the namespace and remove these.",
  Going: "The project and its namespace are being deleted; resolves by itself.",
  HeldByFinalizers:
    "The project is being deleted, and a finalizer holds an object in its namespace. Let the owner of the finalizer that the message names finish, or remove the finalizer.",
  ScopeNotFound: "The namespace that the Project is in backs no cluster. Put the Project into the namespace of a cluster.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

/** PolicyApplied: what the project asks for its namespaces holds in them. */
export const PolicyApplied = condition("PolicyApplied", "The project's podSecurity, quota, limits and isolation hold in its namespaces.", {
  NothingAsked: "Nothing to do: the project sets none of them.",
  Unsupported:
    "This version of Drover keeps these fields and does not apply them in managed clusters. Until a newer one does, label and limit the namespaces in the managed cluster.",
});

export const Project = kind({
  kind: "Project",
  plural: "projects",
  shortNames: ["dproj"],
  scope: "Namespaced",
  description:
    "Namespaces of one cluster that belong together: members and policies are given once for all of them. Lives in the cluster's namespace. Written by people; a namespace joins by its label drover.dev/project.",
  spec: object("What the project's namespaces have in common. Condition PolicyApplied says whether its policies hold there.", {
    displayName: displayName.optional(),
    podSecurity: podSecurity.optional(),
    quota: quota.optional(),
    limits: limits.optional(),
    isolation: isolation.optional(),
  }),
  status: { namespaceUID: string("The UID of the project's namespace on the hub, once it is Drover's.", { maxLength: 64 }).optional() },
  conditions: [NamespaceReady, PolicyApplied],
  ready: { of: [NamespaceReady, PolicyApplied] },
  rules: [shortName("project")],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    ...READY_COLUMNS,
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: Project
metadata:
  name: web
  namespace: cluster-east
spec:
  displayName: Web shop
  podSecurity: { enforce: baseline }
  quota: { total: { requests.cpu: "20" }, namespaceDefault: { requests.cpu: "2" } }
  isolation: { enabled: true }
`,
});
export type Project = ObjectOf<typeof Project>;
