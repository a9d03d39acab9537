import { array, boolean, choice, integer, object, string } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { displayName, labelName, nameOf } from "./names.ts";
import { capability, policyRule } from "./rule.ts";

/** Accepted: the template is flattened into its status, and bindings to it count. */
export const Accepted = condition(
  "Accepted",
  "The template and all that it inherits are flattened into its status; bindings to it count.",
  {
    Accepted: "Nothing to do.",
    InheritanceCycle: "The template inherits itself, the message says by which way. Take one of the names out of `inherits`.",
    ParentNotFound: "A template named in `inherits` does not exist. Apply it, or take the name out.",
    ParentNotAccepted: "A template named in `inherits` is not accepted itself. Correct that one first.",
    ContextMismatch: "A template named in `inherits` is for the other context. Inherit templates of the same `context` only.",
    ParentExternal:
      "A template named in `inherits` has an `externalClusterRole`, whose rules the hub does not know. Bind that template by itself.",
    NameReserved: "`drover:<name>` is one of Drover's own roles. Make the template under another name.",
    ExternalRoleRefused: "`externalClusterRole` begins with `drover:`. Inherit the template that the role was made from instead.",
    TooLarge: "Flattened it has more rules than a template may have. Inherit less, or merge rules.",
    Unreadable: "The API server did not answer; this is retried automatically.",
  },
);

const rules = array("Rules, as in an RBAC Role.", policyRule, { maxItems: 200 });
const capabilities = array(
  "Drover's own powers. CreateNamespaces: make namespaces; who has it by a project, such that carry the project's label, while the project has fewer than 500. ClaimNamespaces, in a cluster: make namespaces outside all projects, and take existing ones into a project or out of it. ChangePodSecurity, in a cluster: change the pod-security.kubernetes.io labels of namespaces. AdministerHub: on the hub, the template's wildcards count, which is everything there. The others can be written, and give nothing in this version.",
  capability,
  { maxItems: 16 },
);

export const ClusterRoleTemplate = kind({
  kind: "ClusterRoleTemplate",
  plural: "clusterroletemplates",
  shortNames: ["crt"],
  scope: "Cluster",
  description:
    "A named set of permissions that bindings grant in a cluster or in a project. Written by people; in managed clusters it becomes the ClusterRole `drover:<name>`.",
  spec: object("What the template grants.", {
    displayName: displayName,
    description: string("What the template is for.", { maxLength: 2000 }).optional(),
    context: choice(
      "Cluster: bound in clusters, its rules hold cluster-wide. Project: bound in projects, its rules hold in their namespaces.",
      ["Cluster", "Project"],
    ).immutable("the context of a template cannot be changed, because bindings rely on it: make another template"),
    rules: rules
      .rule(
        "self.all(rule, !('drover.dev' in rule.apiGroups))",
        "rules cannot name API group drover.dev: Drover's own powers are given by `capabilities`",
      )
      .default([]),
    capabilities: capabilities.default([]),
    inherits: array(
      "Names of templates whose rules and capabilities are included.",
      string("A template.", { maxLength: 63, minLength: 1 }),
      {
        maxItems: 20,
      },
    ).default([]),
    externalClusterRole: nameOf(
      "a ClusterRole that exists in the managed clusters already, bound instead of rules of the template's own",
    ).optional(),
    locked: boolean("true: no new binding shall name the template. Kept, and without effect in this version.").default(false),
  }).rule(
    "!has(self.externalClusterRole) || (self.rules.size() == 0 && self.capabilities.size() == 0 && self.inherits.size() == 0)",
    "with `externalClusterRole` leave out `rules`, `capabilities` and `inherits`: the ClusterRole in the managed cluster says it all",
  ),
  status: {
    rules: array("All rules, those inherited included: what agents apply.", policyRule, { maxItems: 500 }).optional(),
    capabilities: capabilities.described("All capabilities, those inherited included.").optional(),
    history: array(
      "From which contents this one was made, oldest first, its own name last: agents give more than before only if it goes on from a content that they know.",
      string("A content: its epoch and a digest.", { maxLength: 32, pattern: "^[0-9]+-[0-9a-f]{8}$" }),
      { maxItems: 1000 },
    ).optional(),
    restoreAcceptedAt: integer(
      "When somebody last accepted that the hub had been restored from a backup, in milliseconds since 1970: agents take this content over from any epoch before.",
    ).optional(),
  },
  conditions: [Accepted],
  ready: { of: [Accepted] },
  rules: [labelName("template")],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    { name: "Context", type: "string", jsonPath: ".spec.context" },
    { name: "Locked", type: "boolean", jsonPath: ".spec.locked", priority: 1 },
    ...READY_COLUMNS,
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterRoleTemplate
metadata:
  name: pod-reader
spec:
  displayName: Pod reader
  context: Project
  rules:
    - { apiGroups: [""], resources: [pods, pods/log], verbs: [get, list, watch] }
`,
});
export type ClusterRoleTemplate = ObjectOf<typeof ClusterRoleTemplate>;
