import { array, boolean, choice, integer, object, string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import type { Infer } from "../schema/schema.ts";
import { SHORT_NAME } from "./names.ts";
import { isolation, limits, podSecurity, quota } from "./namespace-policy.ts";

/** Applied: the agent made the managed cluster as this set says. */
export const Applied = condition("Applied", "The agent made the managed cluster as this set says.", {
  Applied: "Nothing to do.",
  Applying: "The agent has seen the set and works on it; resolves by itself.",
  PartlyRefused:
    "The managed cluster refused some of it, usually because it exceeds the ceiling. The ClusterReport lists what; raise the ceiling or grant less.",
  GuardsNotEnforced: "The managed cluster's admission policies are not in force, so the agent grants nothing. The ClusterReport says why.",
  HubRestored:
    "The set does not continue what the agent applied last: the hub was restored from a backup. What the set revokes is revoked, and nothing is granted. See docs/backup-and-restore.md, then run `kubectl drover hub accept-restore`.",
});

const subject = object("Who is bound, as the managed cluster sees it.", {
  kind: choice("As in an RBAC subject.", ["User", "Group", "ServiceAccount"]),
  name: string("drover:user:<User>, drover:group:<provider>:<encoded group>, or a ServiceAccount's name.", {
    maxLength: 1101,
    minLength: 1,
  }),
  namespace: string("Of a ServiceAccount.", { maxLength: 63 }).optional(),
  expiresAt: time("When the agent takes it out.").optional(),
});

const binding = object("One template with those to whom it is granted in this scope.", {
  template: string("The ClusterRoleTemplate; agents take its rules from its status.", { maxLength: 63, minLength: 1 }),
  subjects: array("To whom.", subject, { maxItems: 2000 }),
});
export type AccessBinding = Infer<typeof binding>;

export const AccessSet = kind({
  kind: "AccessSet",
  plural: "accesssets",
  shortNames: ["dset"],
  scope: "Namespaced",
  internal: true,
  description:
    "Compiled grants of one scope of one cluster: what the agent applies. Written by the access operator only; never edit it, apply bindings instead. The set `cluster` always exists and lists all others.",
  spec: object("The grants. Carries no rules: a change of a template is one write.", {
    scope: choice("Cluster: cluster-wide. Project: in the namespaces of one project. Hub: on the hub, by membership in another cluster.", [
      "Cluster",
      "Project",
      "Hub",
    ]),
    project: object("Of scope Project: which one, and what it asks of its namespaces.", {
      name: string("The project.", SHORT_NAME),
      uid: string("The Project's UID: a new one of the same name does not inherit its namespaces.", { maxLength: 64, minLength: 1 }),
      podSecurity: podSecurity.optional(),
      quota: quota.optional(),
      limits: limits.optional(),
      isolation: isolation.optional(),
    }).optional(),
    epoch: integer("Grows whenever the content changes: max(previous + 1, milliseconds since 1970)."),
    history: array(
      "From which contents this one was made, oldest first, its own name last. The agent grants only what continues a content that it has; after a time without the hub it finds the one that it acknowledged last.",
      string("A content: its epoch and a digest.", { maxLength: 32, pattern: "^[0-9]+-[0-9a-f]{8}$" }),
      { maxItems: 64 },
    ),
    restoreAcceptedAt: integer(
      "When somebody last accepted that the hub had been restored from a backup, in milliseconds since 1970: agents take this set over from any epoch before.",
    ).optional(),
    part: integer("Which part of the scope this is, from 1; a scope is split at 2,000 subjects or 256 KiB.", { minimum: 1, maximum: 100 }),
    parts: integer("How many parts the scope has.", { minimum: 1, maximum: 100 }),
    bindings: array("Templates and their subjects, sorted.", binding, { maxItems: 2000 }),
    index: object(
      "On the set `cluster` only: which sets there are. What is not listed is pruned; what is listed and missing is kept as last-known-good.",
      {
        sets: array("Names of all sets of the cluster.", string("An AccessSet.", { maxLength: 48, minLength: 1 }), { maxItems: 5000 }),
        teardown: boolean("true: the cluster is being deleted, the agent removes all that is Drover's.").optional(),
      },
    ).optional(),
  }).rule("(self.scope == 'Project') == has(self.project)", "scope Project needs `project`, the others have none"),
  status: {
    epoch: integer("The epoch that the agent applied last.").optional(),
    knownEpoch: integer("The epoch that the agent goes by, whether or not all of it could be applied.").optional(),
    appliedAt: time("When it did.").optional(),
  },
  conditions: [Applied],
  ready: { of: [Applied] },
  conditionBounds: { items: 4, message: 1024 },
  rules: [
    {
      rule: "(self.metadata.name == 'cluster') == has(self.spec.index)",
      message: "the set `cluster` carries the index, and no other set does",
    },
  ],
  columns: [
    { name: "Scope", type: "string", jsonPath: ".spec.scope" },
    { name: "Project", type: "string", jsonPath: ".spec.project.name" },
    { name: "Epoch", type: "integer", jsonPath: ".spec.epoch" },
    { name: "Applied", type: "integer", jsonPath: ".status.epoch" },
    ...READY_COLUMNS,
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: AccessSet
metadata:
  name: project-web
  namespace: cluster-east
spec:
  scope: Project
  project: { name: web, uid: 2b7e1516-28ae-d2a6-abf7-158809cf4f3c, podSecurity: { enforce: baseline } }
  epoch: 1767225600000
  history: [1767225600000-5be61d2a]
  part: 1
  parts: 1
  bindings:
    - template: pod-reader
      subjects:
        - { kind: User, name: "drover:user:alice", expiresAt: "2030-01-01T00:00:00Z" }
`,
});
export type AccessSet = ObjectOf<typeof AccessSet>;
