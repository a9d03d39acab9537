import { AccessSet } from "../../../crds/v1alpha1/accessset.ts";
import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../../crds/v1alpha1/clustermembers.ts";
import { GlobalRoleBinding } from "../../../crds/v1alpha1/globalrolebinding.ts";
import { Project } from "../../../crds/v1alpha1/project.ts";
import type { Sources, SubjectSource } from "../../../lib/access/compile-binding.ts";
import type { CompileInput } from "../../../lib/access/compile-cluster.ts";
import { clusterNamespace } from "../../../lib/access/names.ts";
import type { Reader } from "../../../lib/reconcile/contract.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { globalRolesIn, peopleIn, restoreAcceptedAt, templatesIn } from "../sources.ts";
import { clusterBindingsOf, projectBindingsOf } from "../watches.ts";

export interface Observed extends Omit<CompileInput, "cluster" | "facts" | "mayGrant" | "previous"> {
  readonly previous: readonly AccessSet[];
  readonly sources: Sources;
  readonly previousMembers: readonly ClusterMembers[];
  readonly guards: HubGuardStatus;
}

export function observe(cluster: Cluster, read: Reader, guards: HubGuardStatus): Observed {
  const namespace = clusterNamespace(cluster.metadata.name);
  const clusterBindings = clusterBindingsOf(cluster.metadata.name, read);
  const projectBindings = projectBindingsOf(cluster.metadata.name, read);
  const globalBindings = read.list(GlobalRoleBinding);
  return {
    clusterBindings,
    projectBindings,
    globalBindings,
    projects: read.list(Project, { namespace }),
    previous: read.list(AccessSet, { namespace }),
    restoreAcceptedAt: restoreAcceptedAt(read),
    previousMembers: read.list(ClusterMembers, { namespace }),
    sources: {
      ...peopleIn(subjectsOf([...clusterBindings, ...projectBindings, ...globalBindings]), read),
      ...templatesIn(read),
      ...globalRolesIn(read),
      gaps: guards.gaps,
    },
    guards,
  };
}

const subjectsOf = (bindings: readonly { readonly spec: { readonly subject: SubjectSource } }[]): readonly SubjectSource[] =>
  bindings.map(({ spec }) => spec.subject);
