// globalrolebinding-status
// Reports for each GlobalRoleBinding whether it counts, and why not. Exists because a binding that grants nothing must say so where its author
// looks. Uses the same evaluation as cluster-access, so that the condition and the compiled access never disagree.
import { Accepted, GlobalRoleBinding } from "../../../crds/v1alpha1/globalrolebinding.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reader, Reconciler } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import type { HubGuardStatus } from "../hub-guards.ts";
import { globalRolesIn, peopleIn, templatesIn } from "../sources.ts";
import { globalBindingWatches, predicates } from "../watches.ts";
import { type Observed, plan } from "./plan.ts";

const reads = ["globalrolebindings", "globalroles", "clusterroletemplates", "users", "authproviders"];

/** `guards`: what is known about the hub's own admission policies at the moment of asking. */
export const globalRoleBindingStatus = (guards: () => HubGuardStatus): Reconciler<GlobalRoleBinding, Observed, never> => ({
  name: "globalrolebinding-status",
  subject: GlobalRoleBinding,
  watches: globalBindingWatches,
  predicates: predicates(GlobalRoleBinding, Accepted.type, READY),
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: reads, verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["globalrolebindings/status"], verbs: ["get", "patch"] },
  ],
  observe: async (binding, read: Reader) => ({
    sources: { ...peopleIn([binding.spec.subject], read), ...templatesIn(read), ...globalRolesIn(read), gaps: guards().gaps },
  }),
  plan,
});
