// globalrole-status
// Reports for each GlobalRole whether all templates that it grants exist and are for clusters. Exists because the other grants count while one
// does not, which nobody would notice. Uses the same evaluation as cluster-access.
import { Accepted, GlobalRole } from "../../../crds/v1alpha1/globalrole.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reader, Reconciler } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import { NO_SOURCES, templatesIn } from "../sources.ts";
import { globalRoleWatches, predicates } from "../watches.ts";
import { type Observed, plan } from "./plan.ts";

export const globalRoleStatus: Reconciler<GlobalRole, Observed, never> = {
  name: "globalrole-status",
  subject: GlobalRole,
  watches: globalRoleWatches,
  predicates: predicates(GlobalRole, Accepted.type, READY),
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["globalroles", "clusterroletemplates"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["globalroles/status"], verbs: ["get", "patch"] },
  ],
  observe: async (_role, read: Reader) => ({ sources: { ...NO_SOURCES, ...templatesIn(read) } }),
  plan,
};
