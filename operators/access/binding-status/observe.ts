import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRoleTemplateBinding } from "../../../crds/v1alpha1/clusterroletemplatebinding.ts";
import { Project } from "../../../crds/v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "../../../crds/v1alpha1/projectroletemplatebinding.ts";
import { beyondLimit, type Context, type Sources } from "../../../lib/access/compile-binding.ts";
import { clusterNamespace } from "../../../lib/access/names.ts";
import { scopeOfNamespace } from "../../../lib/access/scope.ts";
import type { Kind, KubeObject } from "../../../lib/kube/object.ts";
import type { Reader } from "../../../lib/reconcile/contract.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { NO_SOURCES, peopleIn, templatesIn } from "../sources.ts";

export interface Observed {
  readonly context: Context;
  /** What keeps bindings of this namespace from counting at all: "" when it is the namespace of a cluster or project. */
  readonly outOfScope: string;
  readonly beyondLimit: boolean;
  readonly sources: Sources;
}

export async function observeClusterBinding(binding: ClusterRoleTemplateBinding, read: Reader, guards: HubGuardStatus): Promise<Observed> {
  const namespace = binding.metadata.namespace ?? "";
  const scope = scopeOfNamespace(namespace);
  const outOfScope =
    !scope || scope.project !== undefined
      ? `namespace ${namespace} is not that of a cluster`
      : lacking(`Cluster ${scope.cluster}`, found(Cluster, read, scope.cluster));
  return {
    context: "Cluster",
    outOfScope,
    beyondLimit: beyondLimit(read.list(ClusterRoleTemplateBinding, { namespace })).has(binding.metadata.name),
    sources: { ...NO_SOURCES, ...peopleIn([binding.spec.subject], read), ...templatesIn(read), gaps: guards.gaps },
  };
}

export async function observeProjectBinding(binding: ProjectRoleTemplateBinding, read: Reader, guards: HubGuardStatus): Promise<Observed> {
  const namespace = binding.metadata.namespace ?? "";
  const scope = scopeOfNamespace(namespace);
  const outOfScope =
    scope?.project === undefined
      ? `namespace ${namespace} is not that of a project`
      : lacking(`Cluster ${scope.cluster}`, found(Cluster, read, scope.cluster)) ||
        lacking(
          `Project ${scope.project} of cluster ${scope.cluster}`,
          found(Project, read, scope.project, clusterNamespace(scope.cluster)),
        );
  return {
    context: "Project",
    outOfScope,
    beyondLimit: beyondLimit(read.list(ProjectRoleTemplateBinding, { namespace })).has(binding.metadata.name),
    sources: { ...NO_SOURCES, ...peopleIn([binding.spec.subject], read), ...templatesIn(read), gaps: guards.gaps },
  };
}

function lacking(what: string, owner: (Cluster | Project) | undefined): string {
  if (!owner) return `there is no ${what}`;
  if (owner.metadata.deletionTimestamp) return `${what} is being deleted`;
  return owner.status?.namespaceUID ? "" : `this namespace is not that of ${what} yet`;
}

function found<T extends KubeObject>(kind: Kind<T>, read: Reader, name: string, namespace?: string): T | undefined {
  const reading = read.get(kind, name, namespace);
  if (reading.is === "unreadable") throw new Error(reading.because);
  return reading.is === "present" ? reading.value : undefined;
}
