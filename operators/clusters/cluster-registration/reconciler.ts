// cluster-registration
// Prepares the registration of each cluster's agent: a token whose hash is in ClusterRegistration/agent, and the manifest for the managed
// cluster as a Secret. Makes a new token before the old one expires unused, and deletes both once an agent is registered: neither is of use
// then. Assumes that only auth writes the status of a ClusterRegistration.
import { Cluster, Registered } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, GROUP, MANIFEST_SECRET, PATH, REGISTRATION_SECRET } from "../../../lib/access/names.ts";
import type { CacheOptions } from "../../../lib/kube/cache.ts";
import { Secret } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { inClusterNamespace, ownNamespaceWatch } from "../adopted.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

/** The manifests only, without their data: plans, logs and errors cannot show what is not there. */
export const manifestCache: CacheOptions<Secret> = {
  name: MANIFEST_SECRET,
  transform: ({ data: _, stringData: __, ...rest }) => rest,
};

/** `settings`: a digest of the part of the process's configuration that goes into manifests, as it is now. */
export function clusterRegistration(settings: () => string): Reconciler<Cluster, Observed, never> {
  return {
    name: "cluster-registration",
    subject: Cluster,
    watches: [ownNamespaceWatch, inClusterNamespace(ClusterRegistration), inClusterNamespace(Secret)],
    owns: { conditions: [Registered.type], kinds: [] },
    permissions: [
      { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch"] },
      { apiGroups: [GROUP], resources: ["clusters/status"], verbs: ["get", "patch"] },
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] },
      { apiGroups: [GROUP], resources: ["clusterregistrations"], verbs: ["get", "list", "watch"] },
      { apiGroups: [GROUP], resources: ["clusterregistrations"], resourceNames: [AGENT], verbs: ["create", "patch"] },
      { apiGroups: [""], resources: ["secrets"], resourceNames: [MANIFEST_SECRET], verbs: ["list", "watch"] },
      {
        apiGroups: [""],
        resources: ["secrets"],
        resourceNames: [MANIFEST_SECRET, REGISTRATION_SECRET],
        verbs: ["get", "create", "patch", "delete"],
      },
      { nonResourceURLs: [PATH.managedObjects], verbs: ["use"] },
    ],
    observe: async (cluster, read) => observe(cluster, read, settings()),
    plan,
  };
}
