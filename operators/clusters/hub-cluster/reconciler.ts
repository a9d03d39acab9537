// hub-cluster
// Creates the Cluster that represents the hub itself, and creates it again when it is gone: agents and templates rely on it. Its subject is
// namespace drover-system, which exists before any Cluster. Assumes that no user can create a Cluster with the label of the hub.
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { GROUP, HUB, PATH } from "../../../lib/access/names.ts";
import { Namespace } from "../../../lib/kube/core.ts";
import type { Reading, Reconciler } from "../../../lib/reconcile/contract.ts";
import { systemNamespaceFor } from "../system-subject.ts";
import { plan } from "./plan.ts";

export const hubCluster: Reconciler<Namespace, Reading<Cluster>, never> = {
  name: "hub-cluster",
  subject: Namespace,
  watches: [systemNamespaceFor(Cluster, ({ metadata }) => metadata.name === HUB)],
  owns: { conditions: [], kinds: [Cluster] },
  permissions: [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["clusters"], resourceNames: [HUB], verbs: ["create", "patch"] },
    // Its label is guarded: no other cluster may pass for the hub.
    { nonResourceURLs: [PATH.managedObjects], verbs: ["use"] },
  ],
  observe: async (_namespace, read) => read.get(Cluster, HUB),
  plan,
};
