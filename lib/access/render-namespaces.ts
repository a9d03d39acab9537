// Which namespaces of a managed cluster belong to which project. The label says what somebody with the right wants, the annotation which
// project (by UID) it became part of: a project deleted and made anew under its old name does not inherit them.
import { LABEL, PROJECT_UID_ANNOTATION, PROXY_NAMESPACE, SYSTEM_NAMESPACE } from "./names.ts";

export interface ManagedNamespace {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly terminating: boolean;
}

/** The annotation to write on a namespace; without uid: to remove from it. */
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

/** Something that is not as the sets want it, and why. */
export interface Refused {
  /** Kind and name: "Namespace a", "RoleBinding a/b". */
  readonly object: string;
  readonly message: string;
  /** The project that it is about, where the object's name does not say it. */
  readonly project?: string;
}

const NEVER: ReadonlySet<string> = new Set(["kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE, PROXY_NAMESPACE]);

/** False for the namespaces that no project ever gets, whatever labels they carry. */
export function mayBelongToProject(namespace: Pick<ManagedNamespace, "name" | "labels">): boolean {
  if (NEVER.has(namespace.name)) return false;
  return namespace.labels[LABEL.backsCluster] === undefined && namespace.labels[LABEL.backsProject] === undefined;
}

/** `projects`: UID by name, of the projects that the cluster has now. */
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
      // The UID of another living project means that somebody moved the namespace; that of a dead one, that a name came back.
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
