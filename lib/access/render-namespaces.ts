// Decides which namespaces of a managed cluster belong to which project. A user with permission sets the label; the agent records the UID of
// the project in the annotation, so that a project that is deleted and created again under the same name does not inherit the namespaces.
import { LABEL, PROJECT_UID_ANNOTATION, PROXY_NAMESPACE, SYSTEM_NAMESPACE } from "./names.ts";

export interface ManagedNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly terminating: boolean;
}

/** Sets the annotation on a namespace; without uid: removes it. */
export interface Claim {
  readonly namespace: string;
  readonly uid?: string;
}

export interface Membership {
  /** Namespaces by project name, sorted. */
  readonly byProject: ReadonlyMap<string, readonly string[]>;
  readonly claims: readonly Claim[];
  readonly refused: readonly Refused[];
}

/** An object that is not as the sets require, and why. */
export interface Refused {
  /** Kind and name: "Namespace a", "RoleBinding a/b". */
  readonly object: string;
  readonly message: string;
  /** The project concerned, where the object's name does not show it. */
  readonly project?: string;
}

const NEVER: ReadonlySet<string> = new Set(["kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE, PROXY_NAMESPACE]);

/** False for namespaces that can belong to no project, whatever their labels. */
export function mayBelongToProject(namespace: Pick<ManagedNamespace, "name" | "labels">): boolean {
  if (NEVER.has(namespace.name)) return false;
  return namespace.labels[LABEL.backsCluster] === undefined && namespace.labels[LABEL.backsProject] === undefined;
}

/** `projects`: the cluster's projects, UID by name. */
export function membership(namespaces: readonly ManagedNamespace[], projects: ReadonlyMap<string, string>): Membership {
  const byProject = new Map<string, string[]>();
  const claims: Claim[] = [];
  const refused: Refused[] = [];
  const uids = new Set(projects.values());
  for (const namespace of [...namespaces].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const project = namespace.labels[LABEL.project];
    const recorded = namespace.annotations[PROJECT_UID_ANNOTATION];
    const refuse = (message: string) =>
      refused.push({ object: `Namespace ${namespace.name}`, message, ...(project !== undefined && { project }) });
    if (project === undefined) {
      if (recorded !== undefined) claims.push({ namespace: namespace.name });
      continue;
    }
    if (!mayBelongToProject(namespace)) {
      refuse(`carries ${LABEL.project}: ${project}, but this namespace can be in no project`);
      continue;
    }
    const uid = projects.get(project);
    if (uid === undefined) continue;
    if (recorded !== uid) {
      // The UID of an existing project means that a user moved the namespace. The UID of a deleted one means that the name was used again.
      if (recorded !== undefined && !uids.has(recorded)) {
        refuse(
          `belonged to an earlier project (UID ${recorded}), not to the present ${project}: remove the label ${LABEL.project}, then set it again`,
        );
        continue;
      }
      claims.push({ namespace: namespace.name, uid });
    }
    const members = byProject.get(project) ?? [];
    members.push(namespace.name);
    byProject.set(project, members);
  }
  return { byProject, claims, refused };
}
