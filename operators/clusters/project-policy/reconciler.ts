// project-policy
// Reports for each Project whether podSecurity, quota, limits and isolation hold in its namespaces. Exists because this version applies none of
// them: nobody is to rely on a policy that has no effect.
import { PolicyApplied, Project } from "../../../crds/v1alpha1/project.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { plan } from "./plan.ts";

export const projectPolicy: Reconciler<Project, undefined, never> = {
  name: "project-policy",
  subject: Project,
  watches: [],
  owns: { conditions: [PolicyApplied.type], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["projects"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["projects/status"], verbs: ["get", "patch"] },
  ],
  observe: async () => undefined,
  plan,
};
