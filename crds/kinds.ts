// All kinds of Drover, in the order in which the docs present them.
import type { KubeObject } from "../lib/kube/object.ts";
import type { KindDefinition } from "./schema/kind.ts";
import { AccessSet } from "./v1alpha1/accessset.ts";
import { AuthProvider } from "./v1alpha1/authprovider.ts";
import { Cluster } from "./v1alpha1/cluster.ts";
import { ClusterMembers } from "./v1alpha1/clustermembers.ts";
import { ClusterRegistration } from "./v1alpha1/clusterregistration.ts";
import { ClusterReport } from "./v1alpha1/clusterreport.ts";
import { ClusterRoleTemplate } from "./v1alpha1/clusterroletemplate.ts";
import { ClusterRoleTemplateBinding } from "./v1alpha1/clusterroletemplatebinding.ts";
import { GlobalRole } from "./v1alpha1/globalrole.ts";
import { GlobalRoleBinding } from "./v1alpha1/globalrolebinding.ts";
import { Identity } from "./v1alpha1/identity.ts";
import { Project } from "./v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "./v1alpha1/projectroletemplatebinding.ts";
import { Token } from "./v1alpha1/token.ts";
import { User } from "./v1alpha1/user.ts";

export const KINDS: readonly KindDefinition<KubeObject>[] = [
  User,
  AuthProvider,
  Cluster,
  Project,
  ClusterRoleTemplate,
  ClusterRoleTemplateBinding,
  ProjectRoleTemplateBinding,
  GlobalRole,
  GlobalRoleBinding,
  Identity,
  Token,
  AccessSet,
  ClusterMembers,
  ClusterRegistration,
  ClusterReport,
];
