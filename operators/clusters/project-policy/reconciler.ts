// project-policy
// Says of each Project whether the policies that it asks for hold in its namespaces: nobody shall rely on one that does not.
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
