// Every name that Drover gives to objects, in one place, because security depends on names that cannot collide.

export const GROUP = "drover.dev";
export const VERSION = "drover.dev/v1alpha1";

/** The namespace of Drover itself, on the hub and in each managed cluster. */
export const SYSTEM_NAMESPACE = "drover-system";
/** On the hub: holds the Leases of the proxy replicas and nothing else, so that permission to write Leases there gives nothing else. */
export const PROXY_NAMESPACE = "drover-proxies";

export const MANAGED_BY = { "app.kubernetes.io/managed-by": "drover" } as const;

export const LABEL = {
  /** On a namespace of a managed cluster: its project. */
  project: "drover.dev/project",
  /** On a namespace of the hub: the cluster or project that it backs. */
  backsCluster: "drover.dev/backs-cluster",
  backsProject: "drover.dev/backs-project",
  /** On the Cluster object that stands for the hub itself: "true". */
  hub: "drover.dev/hub",
} as const;

/** On a namespace of a managed cluster: the UID of its project, so that a project created again under the same name does not inherit it. */
export const PROJECT_UID_ANNOTATION = "drover.dev/project-uid";

/**
 * On the ServiceAccount `agent` of a cluster's namespace: the fingerprint of the agent's key for which the account was created. For another
 * key the account is created again, so that the hub no longer accepts tokens of the former one.
 */
export const AGENT_KEY_ANNOTATION = "drover.dev/agent-key";

/** Name of the Cluster object of the hub. */
export const HUB = "hub";

export const clusterNamespace = (cluster: string): string => `cluster-${cluster}`;
export const projectNamespace = (cluster: string, project: string): string => `project-${cluster}--${project}`;

/** User and group names as clusters see them. */
export const USER_PREFIX = "drover:user:";
export const GROUP_PREFIX = "drover:group:";
export const EVERYONE = "drover:authenticated";
export const userSubject = (user: string): string => `${USER_PREFIX}${user}`;
export const groupSubject = (provider: string, encodedGroup: string): string => `${GROUP_PREFIX}${provider}:${encodedGroup}`;

/** In managed clusters: the ClusterRole of a template, under the same name in each cluster. */
export const templateRole = (template: string): string => `drover:${template}`;
/** In managed clusters: a project's RoleBinding in each of its namespaces; part 1 has no suffix. */
export const projectBinding = (project: string, template: string, part = 1): string =>
  `drover:${project}:${template}${part > 1 ? `:${part}` : ""}`;
/** In managed clusters: the ClusterRoleBinding of a template that is bound cluster-wide. */
export const clusterBinding = (template: string, part = 1): string => `drover:${template}${part > 1 ? `:${part}` : ""}`;

/** Fixed names of single objects. */
export const AGENT = "agent";
export const CLUSTER_SET = "cluster";
export const MEMBERS = "members";
/** ClusterMembers: part 1 has no suffix. */
export const membersPart = (part: number): string => `${MEMBERS}${partSuffix(part)}`;
/** AccessSets: of the cluster, of a project, and of the access on the hub that membership in a cluster gives. Names of projects and clusters never contain `--`. */
export const clusterSet = (part = 1): string => `${CLUSTER_SET}${partSuffix(part)}`;
export const projectSet = (project: string, part = 1): string => `project-${project}${partSuffix(part)}`;
export const hubSet = (cluster: string, part = 1): string => `of-${cluster}${partSuffix(part)}`;
const partSuffix = (part: number): string => (part > 1 ? `--part-${part}` : "");

/** The ClusterRole in a managed cluster that holds what the agent needs for its own work. */
export const AGENT_BASE_ROLE = "drover:agent-base";

/** Fixed ClusterRoles on the hub that the clusters operator binds for each cluster. */
export const HUB_ROLE = {
  clusterAgent: "drover:cluster-agent",
  agentTokenMinter: "drover:agent-token-minter",
  templateReaders: "drover:template-readers",
} as const;

/** Secrets in a cluster's namespace on the hub: the registration token (key `token`) and what to apply in the managed cluster (key `manifest.yaml`). */
export const REGISTRATION_SECRET = "agent-registration";
export const MANIFEST_SECRET = "agent-manifest";

/** ConfigMap in drover-system: when the hub's guards were not in force. */
export const GUARD_HISTORY = "guard-history";

/** Non-resource paths that guards check with verb `use`; a wildcard over resources never matches a path. */
export const PATH = {
  projectNamespaces: (project: string): string => `/drover.dev/projects/${project}/namespaces`,
  claimNamespaces: "/drover.dev/claim-namespaces",
  podSecurity: "/drover.dev/pod-security",
  managedObjects: "/drover.dev/managed-objects",
  backingNamespaces: "/drover.dev/backing-namespaces",
  acceptRestore: "/drover.dev/accept-restore",
} as const;
