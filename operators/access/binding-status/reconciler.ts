// clusterroletemplatebinding-status, projectroletemplatebinding-status
// Report for each binding whether it counts, and why not. Exist because a binding that grants nothing must say so where its author looks. Use the
// same evaluation as cluster-access, so that the condition and the compiled access never disagree.
import { Accepted } from "../../../crds/v1alpha1/binding.ts";
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRoleTemplateBinding } from "../../../crds/v1alpha1/clusterroletemplatebinding.ts";
import { Project } from "../../../crds/v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "../../../crds/v1alpha1/projectroletemplatebinding.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { bindingWatches, clusterBindingsOf, predicates, projectBindingsOf, projectBindingWatch } from "../watches.ts";
import { type Observed, observeClusterBinding, observeProjectBinding } from "./observe.ts";
import { plan } from "./plan.ts";

const reads = [Cluster.plural, Project.plural, "clusterroletemplates", "users", "authproviders"];

/** `guards`: what is known about the hub's own admission policies at the moment of asking. */
export const clusterBindingStatus = (guards: () => HubGuardStatus): Reconciler<ClusterRoleTemplateBinding, Observed, never> => ({
  name: "clusterroletemplatebinding-status",
  subject: ClusterRoleTemplateBinding,
  watches: bindingWatches(ClusterRoleTemplateBinding, clusterBindingsOf),
  predicates: predicates(ClusterRoleTemplateBinding, Accepted.type, READY),
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: accessFor(ClusterRoleTemplateBinding.plural),
  observe: (binding, read) => observeClusterBinding(binding, read, guards()),
  plan,
});

export const projectBindingStatus = (guards: () => HubGuardStatus): Reconciler<ProjectRoleTemplateBinding, Observed, never> => ({
  name: "projectroletemplatebinding-status",
  subject: ProjectRoleTemplateBinding,
  watches: [...bindingWatches(ProjectRoleTemplateBinding, projectBindingsOf), projectBindingWatch],
  predicates: predicates(ProjectRoleTemplateBinding, Accepted.type, READY),
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: accessFor(ProjectRoleTemplateBinding.plural),
  observe: (binding, read) => observeProjectBinding(binding, read, guards()),
  plan,
});

function accessFor(plural: string) {
  return [
    { apiGroups: [GROUP], resources: [plural, ...reads], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: [`${plural}/status`], verbs: ["get", "patch"] },
  ];
}
