// cluster-agent-permissions
// Creates in each cluster's namespace what its agent needs on the hub: the account `agent`, its permissions there, auth's permission to
// issue tokens for it, and the Lease and ClusterReport that it may patch but not create. When another key is on record it replaces the account,
// which ends all tokens of the former key. It assumes that the API server refuses a token whose account was deleted.
import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace, GROUP, HUB_ROLE, PATH } from "../../../lib/access/names.ts";
import { agentObjectKinds, groupOf } from "../../../lib/components/agent-on-hub.ts";
import { RoleBinding, ServiceAccount } from "../../../lib/kube/core.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { hasOwnNamespace, inClusterNamespace, ownNamespaceWatch } from "../adopted.ts";
import { type Observed, plan } from "./plan.ts";

const RBAC = "rbac.authorization.k8s.io";
const ALL = ["get", "list", "watch", "create", "patch", "delete"];
const namedAgent = [AGENT];

export const clusterAgentPermissions: Reconciler<Cluster, Observed, never> = {
  name: "cluster-agent-permissions",
  subject: Cluster,
  watches: [
    ownNamespaceWatch,
    inClusterNamespace(ServiceAccount),
    inClusterNamespace(RoleBinding),
    inClusterNamespace(ClusterRegistration),
  ],
  owns: { conditions: [], kinds: [ServiceAccount, RoleBinding, ...agentObjectKinds("operator-clusters")] },
  permissions: [
    { apiGroups: [GROUP], resources: ["clusters"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "list", "watch"] },
    { apiGroups: [""], resources: ["serviceaccounts"], resourceNames: namedAgent, verbs: ["create", "patch", "delete"] },
    { apiGroups: [RBAC], resources: ["rolebindings"], verbs: ALL },
    { apiGroups: [RBAC], resources: ["clusterroles"], resourceNames: [HUB_ROLE.clusterAgent, HUB_ROLE.agentTokenMinter], verbs: ["bind"] },
    ...agentObjectKinds("operator-clusters").map((kind) => ({
      apiGroups: [groupOf(kind)],
      resources: [kind.plural],
      resourceNames: namedAgent,
      verbs: ["get", "list", "watch", "create", "patch"],
    })),
    { apiGroups: [GROUP], resources: ["clusterregistrations"], verbs: ["get", "list", "watch"] },
    { nonResourceURLs: [PATH.managedObjects], verbs: ["use"] },
  ],
  observe: async (cluster, read) => {
    const namespace = clusterNamespace(cluster.metadata.name);
    return {
      ownNamespace: hasOwnNamespace(cluster, read),
      account: read.get(ServiceAccount, AGENT, namespace),
      registration: read.get(ClusterRegistration, AGENT, namespace),
    };
  },
  plan,
};
