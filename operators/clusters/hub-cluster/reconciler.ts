// hub-cluster
// Makes the Cluster that stands for the hub itself, and makes it anew when it has gone.
// Its subject is the namespace that Drover lives in: it is there before any Cluster is.
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
