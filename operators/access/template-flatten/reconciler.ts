// template-flatten
// Writes into each ClusterRoleTemplate's status what it gives with everything it inherits: agents take rules from there.
// A template that inherits wrongly gives nothing, and its condition says why.
import { Accepted, ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { heirsOf } from "../../../lib/access/flatten.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reader, Reconciler, Watch } from "../../../lib/reconcile/contract.ts";
import { type Observed, plan, type Status } from "./plan.ts";

const heirs: Watch<ClusterRoleTemplate> = {
  kind: ClusterRoleTemplate,
  toSubjects: ({ metadata }, read) => heirsOf(metadata.name, read.list(ClusterRoleTemplate)).map((name) => ({ name })),
};

export const templateFlatten: Reconciler<ClusterRoleTemplate, Observed, Status> = {
  name: "template-flatten",
  subject: ClusterRoleTemplate,
  watches: [heirs],
  owns: { conditions: [Accepted.type], kinds: [] },
  access: [
    { apiGroups: [GROUP], resources: ["clusterroletemplates"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusterroletemplates/status"], verbs: ["get", "patch"] },
  ],
  observe: async (_template, read: Reader) => ({
    templates: new Map(read.list(ClusterRoleTemplate).map((template) => [template.metadata.name, template])),
  }),
  plan,
};
