import { array, boolean, choice, integer, object, string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import type { Infer } from "../schema/schema.ts";
import { fixedName, version } from "./names.ts";

const guards = object("Whether the admission policies that protect Drover's objects are in force.", {
  state: choice("Enforced: a probe was refused. Missing: a probe got through, so nothing is granted. Unknown: it could not be tried.", [
    "Enforced",
    "Missing",
    "Unknown",
  ]),
  message: string("What the probe saw.", { maxLength: 1024 }).optional(),
  probedAt: time("When it was last tried.").optional(),
});

const access = object("What became of the AccessSets.", {
  epochs: array(
    "Which epoch of which set is applied, for the first of them; the status of each AccessSet has its own.",
    object("One set.", { set: string("The AccessSet.", { maxLength: 100 }), epoch: integer("Its applied epoch.") }),
    { maxItems: 200 },
  ).optional(),
  appliedAt: time("When grants were last brought into effect.").optional(),
  objects: integer("How many RBAC objects Drover keeps in the managed cluster.").optional(),
  corrected: integer("How many times drift was corrected since the agent was installed.").optional(),
  refused: array(
    "What the managed cluster refused, usually because it exceeds the ceiling.",
    object("One refused object.", {
      object: string("Kind and name.", { maxLength: 300 }),
      message: string("The managed cluster's answer.", { maxLength: 512 }),
    }),
    { maxItems: 20 },
  ).optional(),
  restored: array(
    "Objects that do not continue what the agent applied last, because the hub was restored from a backup: revocations are applied, grants are not.",
    object("One AccessSet or ClusterRoleTemplate.", {
      object: string("Kind and name.", { maxLength: 300 }),
      epoch: integer("The latest epoch that the agent has seen of it; an acceptance must be later."),
    }),
    { maxItems: 50 },
  ).optional(),
  skipped: array(
    "Rules that cannot be granted in a project, because they are about things that no namespace holds.",
    object("One template.", {
      template: string("The template.", { maxLength: 63 }),
      message: string("Which rules and why.", { maxLength: 512 }),
    }),
    { maxItems: 20 },
  ).optional(),
});

/** Healthy: the managed cluster's API server says that it is ready. */
export const Healthy = condition("Healthy", "The managed cluster's API server says that it is ready.", {
  Healthy: "Nothing to do.",
  Unhealthy: "The API server does not say that it is ready, or does not answer. Look at the managed cluster's control plane.",
  NotReported: "The agent has not asked the API server yet; resolves by itself. If it lasts, look at the agent's log.",
});

/** AccessApplied: the agent applied what was granted. */
export const AccessApplied = condition("AccessApplied", "The agent applied the cluster's AccessSets.", {
  Applied: "Nothing to do.",
  GuardsNotEnforced:
    "The admission policies that guard Drover's objects in the managed cluster are not in force, so the agent grants nothing. The message says why.",
  HubRestored:
    "The hub was restored from a backup: the agent revokes what the hub revokes and grants nothing that it has not applied before. See docs/backup-and-restore.md, then run `kubectl drover hub accept-restore`.",
  NotApplied: "The agent has not applied the grants yet; resolves by itself. If it lasts, look at `status.access` and the agent's log.",
});

export const ClusterReport = kind({
  kind: "ClusterReport",
  plural: "clusterreports",
  shortNames: ["drep"],
  scope: "Namespaced",
  internal: true,
  description:
    "What the cluster's agent sees and did. Made by the clusters operator, its status written by the agent only; one in each cluster's namespace, named `agent`.",
  spec: object("Nothing: a report has no intent.", {}),
  status: {
    agentVersion: version("The agent's version.").optional(),
    kubernetesVersion: version("The version of the managed cluster's API server.").optional(),
    healthy: boolean("Whether the managed cluster's API server says that it is ready.").optional(),
    nodes: object("How many nodes the managed cluster has.", {
      total: integer("All nodes."),
      ready: integer("Nodes that are ready."),
    }).optional(),
    guards: guards.optional(),
    access: access.optional(),
    streams: object("Open streams of users: watches, logs, exec.", {
      open: integer("How many there are."),
      ended: integer("How many the agent ended since it started because access was revoked."),
    }).optional(),
    teardown: choice("Done: nothing of Drover is left in the managed cluster but the agent itself.", ["Done"]).optional(),
  },
  conditions: [Healthy, AccessApplied],
  ready: { of: [Healthy, AccessApplied] },
  conditionBounds: { items: 4, message: 1024 },
  rules: [fixedName("agent")],
  columns: [
    ...READY_COLUMNS,
    { name: "Version", type: "string", jsonPath: ".status.kubernetesVersion" },
    { name: "Guards", type: "string", jsonPath: ".status.guards.state" },
    { name: "Objects", type: "integer", jsonPath: ".status.access.objects" },
    { name: "Corrected", type: "integer", jsonPath: ".status.access.corrected" },
    { name: "Streams", type: "integer", jsonPath: ".status.streams.open" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterReport
metadata:
  name: agent
  namespace: cluster-east
spec: {}
`,
});
export type ClusterReport = ObjectOf<typeof ClusterReport>;
export type ReportStatus = NonNullable<ClusterReport["status"]>;
export type ReportAccess = Infer<typeof access>;
