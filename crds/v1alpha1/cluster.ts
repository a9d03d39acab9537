import { array, boolean, exactlyOne, integer, object, samePresence, string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { displayName, shortName, version } from "./names.ts";

/** NamespaceReady: the cluster's namespace on the hub exists and is Drover's alone. */
export const NamespaceReady = condition("NamespaceReady", "The cluster's namespace on the hub exists and is Drover's alone.", {
  Ready: "Nothing to do.",
  Creating: "Asked for, not yet Active; resolves by itself.",
  NameTaken:
    "A namespace of that name exists without Drover's label, or with RoleBindings or ServiceAccounts in it. Delete the Cluster and use another name, or label the namespace and remove these.",
  Going: "The cluster, its namespace and those of its projects are being deleted; resolves by itself.",
  HeldByFinalizers:
    "The cluster is being deleted, and a finalizer holds an object in one of its namespaces. Let the owner of the finalizer that the message names finish, or remove the finalizer.",
  FinalizersRemoved:
    "Somebody put finalizers on Drover's own objects in the namespace; Drover removed them. Find out who: an agent may not do it.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

/** Registered: an agent's public key is on record. */
export const Registered = condition(
  "Registered",
  "An agent's public key is on record: that agent, and no other, speaks for this cluster.",
  {
    Registered: "Nothing to do.",
    WaitingForAgent: "Nobody has registered yet. Apply the output of `kubectl drover import <cluster>` in the managed cluster.",
    AwaitingApproval: "An agent registered and waits for approval. Compare the fingerprint, then approve it.",
    EngineUnsupported: "This version of Drover cannot make clusters with this engine. Delete the Cluster and make one with `import: {}`.",
    Unreadable: "The API server did not answer; this is retried automatically.",
  },
);

/** Connected: the agent's heartbeat is recent. */
export const Connected = condition("Connected", "The agent's heartbeat is recent.", {
  Connected: "Nothing to do.",
  NeverConnected: "No heartbeat was ever seen. Check the agent's log in the managed cluster, namespace drover-system.",
  HeartbeatLost: "The last heartbeat is too old. Access in the managed cluster stays as it is; check the network and the agent's log.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

/** Healthy: the managed cluster's API server says that it is ready. */
export const Healthy = condition("Healthy", "The managed cluster's API server says that it is ready, as its agent reports.", {
  Healthy: "Nothing to do.",
  Unhealthy: "The agent reports that the API server is not ready. Look at the managed cluster's control plane.",
  NotReported: "The agent has not reported yet; resolves by itself. If it lasts, look at the agent's log.",
  NotConnected: "The agent does not answer, so its last report may be out of date. See condition Connected.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

/** AccessApplied: the agent applied what was granted. */
export const AccessApplied = condition("AccessApplied", "The agent applied the cluster's AccessSets in the managed cluster.", {
  Applied: "Nothing to do.",
  GuardsNotEnforced:
    "The admission policies that guard Drover's objects in the managed cluster are not in force, so the agent grants nothing. The message says why.",
  HubRestored:
    "The hub was restored from a backup: the agent revokes what the hub revokes and grants nothing that it has not applied before. See docs/backup-and-restore.md, then run `kubectl drover hub accept-restore`.",
  NotApplied: "The agent has not applied the grants yet; resolves by itself. If it lasts, see the ClusterReport and the agent's log.",
  NotConnected: "The agent does not answer; access in the managed cluster stays as it is. See condition Connected.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

/** AccessCompiled: the cluster's AccessSets say what bindings say. */
export const AccessCompiled = condition("AccessCompiled", "The cluster's AccessSets and ClusterMembers say what the bindings say.", {
  Compiled: "Nothing to do.",
  NamespaceNotReady: "See condition NamespaceReady.",
  GuardsNotEnforced:
    "The hub's own admission policies are not in force: access is revoked, but none is granted, until they are. Apply `deploy/` again; the message says what is missing.",
  Paused: "`paused` is true and grants wait for its end. Set it to false to let them in.",
  TooLarge:
    "More than is compiled for one cluster; the message says what is left out. Bind groups instead of users, or use fewer projects.",
  TearingDown: "The cluster is being deleted, and its agent removes all access. See condition TornDown.",
});

/** TornDown: while a cluster is deleted, how far the managed cluster is cleaned up. */
export const TornDown = condition(
  "TornDown",
  "While the cluster is being deleted: how far Drover's objects in the managed cluster are cleaned up.",
  {
    Done: "Nothing of Drover is left in the managed cluster. Nothing to do.",
    CleaningUp: "The agent is removing Drover's objects; resolves by itself.",
    LeftBehind:
      "The agent could not be reached within the grace period. The message says what is left in the managed cluster and how to remove it.",
    NothingToDo: "No agent ever registered.",
    Unreadable: "The API server did not answer; this is retried automatically.",
  },
);

const ENGINES = ["import", "embedded", "kubeadm", "rke2", "kind", "gke"] as const;

export const Cluster = kind({
  kind: "Cluster",
  plural: "clusters",
  shortNames: ["dcl"],
  scope: "Cluster",
  description: "A Kubernetes cluster that Drover governs; `hub` is the one that Drover runs on, and cannot be deleted. Written by people.",
  spec: object("What the cluster is. Exactly one of import, embedded, kubeadm, rke2, kind and gke.", {
    displayName: displayName.optional(),
    paused: boolean("true: nothing new is granted in the cluster until this is false again; what is revoked still ends.").default(false),
    import: object("The cluster exists; its owner applies the agent's manifest there.", {}).optional(),
    embedded: object("Drover runs the control plane in the hub.", {}).optional(),
    kubeadm: object("Drover makes the cluster on machines with kubeadm.", {}).optional(),
    rke2: object("Drover makes the cluster on machines with RKE2.", {}).optional(),
    kind: object("Drover makes the cluster in containers with kind.", {}).optional(),
    gke: object("Drover makes the cluster at Google with GKE.", {}).optional(),
    agent: object("What the agent may do in the managed cluster; rendered into its manifest at import.", {
      ceiling: string("The ClusterRole that bounds what Drover can grant in the managed cluster.", {
        maxLength: 253,
        minLength: 1,
      }).default("cluster-admin"),
      groups: array(
        "With a ceiling below cluster-admin: the only groups, written provider:group, whose members can use the cluster through Drover.",
        string("A group, written provider:group.", { maxLength: 576, minLength: 3 }).matching(
          "^[a-z0-9]([-a-z0-9]*[a-z0-9])?:.+$",
          "write provider:group, as in corp:developers",
        ),
        { maxItems: 100 },
      ).optional(),
    }).default({}),
    restoreAcceptedAt: time(
      "On the cluster `hub` only: when somebody accepted that the hub had been restored from a backup. From then on agents grant what the restored hub says. Written by `kubectl drover hub accept-restore`.",
    ).optional(),
  })
    .rule(
      exactlyOne(ENGINES),
      "write exactly one of import, embedded, kubeadm, rke2, kind and gke; for a cluster that exists: `import: {}`",
    )
    .rule(samePresence(ENGINES), "the engine of a cluster cannot be changed: make another Cluster"),
  status: {
    namespaceUID: string("The UID of the cluster's namespace on the hub, once it is Drover's.", { maxLength: 64 }).optional(),
    kubernetesVersion: version("The version of the managed cluster's API server.").optional(),
    agentVersion: version("The version of its agent.").optional(),
    nodes: object("How many nodes the managed cluster has.", {
      total: integer("All nodes."),
      ready: integer("Nodes that are ready."),
    }).optional(),
    lastHeartbeatTime: time("The agent's last heartbeat that was seen.").optional(),
  },
  conditions: [NamespaceReady, Registered, Connected, Healthy, AccessApplied, AccessCompiled, TornDown],
  ready: {
    of: [NamespaceReady, Registered, Connected, Healthy, AccessApplied, AccessCompiled],
    intended: [AccessCompiled.Paused],
  },
  rules: [
    shortName("cluster"),
    {
      rule: "self.metadata.name != 'hub' || has(self.spec.__import__)",
      message: "the cluster `hub` is the one that Drover runs on: it is `import: {}`",
    },
    {
      rule: "self.metadata.name == 'hub' || !has(self.spec.restoreAcceptedAt)",
      message: "`restoreAcceptedAt` is about the hub: it stands on the cluster `hub` only",
    },
  ],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    ...READY_COLUMNS,
    { name: "Connected", type: "string", jsonPath: ".status.conditions[?(@.type=='Connected')].status" },
    { name: "Version", type: "string", jsonPath: ".status.kubernetesVersion" },
    { name: "Nodes", type: "integer", jsonPath: ".status.nodes.total" },
    { name: "Agent", type: "string", jsonPath: ".status.agentVersion", priority: 1 },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: Cluster
metadata:
  name: east
  labels: { env: prod }
spec:
  displayName: East
  import: {}
`,
});
export type Cluster = ObjectOf<typeof Cluster>;
