// globalrolebinding-status
// Says of each GlobalRoleBinding whether it counts, by the same judgement as compiling uses, and why not.
import { Accepted, GlobalRoleBinding } from "../../../crds/v1alpha1/globalrolebinding.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reader, Reconciler } from "../../../lib/reconcile/contract.ts";
import { globalRolesIn, peopleIn, templatesIn } from "../sources.ts";
import { globalBindingWakers } from "../wake.ts";
import { type Observed, plan } from "./plan.ts";

const reads = ["globalrolebindings", "globalroles", "clusterroletemplates", "users", "authproviders"];

export const globalRoleBindingStatus: Reconciler<GlobalRoleBinding, Observed, never> = {
  name: "globalrolebinding-status",
  subject: GlobalRoleBinding,
  watches: globalBindingWakers,
  owns: { conditions: [Accepted.type], kinds: [] },
  access: [
    { apiGroups: [GROUP], resources: reads, verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["globalrolebindings/status"], verbs: ["get", "patch"] },
  ],
  observe: async (binding, read: Reader) => ({
    sources: { ...peopleIn([binding.spec.subject], read), ...templatesIn(read), ...globalRolesIn(read) },
  }),
  plan,
};
