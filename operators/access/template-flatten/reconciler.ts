// template-flatten
// Writes into each ClusterRoleTemplate's status what it gives with everything it inherits: agents take rules from there.
// A template that inherits wrongly gives nothing, and its condition says why.
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { Accepted, ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { dependentsOf } from "../../../lib/access/flatten.ts";
import { GROUP, HUB } from "../../../lib/access/names.ts";
import { keyOf } from "../../../lib/kube/object.ts";
import type { Reader, Reconciler, Watch } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import { restoreAcceptedAt } from "../sources.ts";
import { type Observed, plan, type Status } from "./plan.ts";

const heirs: Watch<ClusterRoleTemplate> = {
  kind: ClusterRoleTemplate,
  toSubjects: ({ metadata }, read) => dependentsOf(metadata.name, read.list(ClusterRoleTemplate)).map((name) => ({ name })),
};

/** The hub's Cluster says whether a restore is accepted. */
const acceptance: Watch<Cluster> = {
  kind: Cluster,
  toSubjects: ({ metadata }, read) => (metadata.name === HUB ? read.list(ClusterRoleTemplate).map(keyOf) : []),
};

export const templateFlatten: Reconciler<ClusterRoleTemplate, Observed, Status> = {
  name: "template-flatten",
  subject: ClusterRoleTemplate,
  watches: [heirs, acceptance],
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["clusterroletemplates", "clusters"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusterroletemplates/status"], verbs: ["get", "patch"] },
  ],
  observe: async (_template, read: Reader) => ({
    restoreAcceptedAt: restoreAcceptedAt(read),
    templates: new Map(read.list(ClusterRoleTemplate).map((template) => [template.metadata.name, template])),
  }),
  plan,
};
