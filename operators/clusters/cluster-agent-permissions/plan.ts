import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import type { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, AGENT_KEY_ANNOTATION, clusterNamespace, HUB_ROLE, MANAGED_BY } from "../../../lib/access/names.ts";
import { agentObjects } from "../../../lib/components/agent-on-hub.ts";
import { bindingOf } from "../../../lib/components/rbac.ts";
import { fingerprint } from "../../../lib/identity/agent-key.ts";
import { ServiceAccount } from "../../../lib/kube/core.ts";
import { refOf } from "../../../lib/kube/object.ts";
import type { Plan, Reading } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly ownNamespace: boolean;
  readonly account: Reading<ServiceAccount>;
  readonly registration: Reading<ClusterRegistration>;
}

/** Nothing is taken away while the cluster is deleted: its agent reports until the end, and all goes with the namespace. */
export function plan(cluster: Cluster, observed: Observed): Plan<never> {
  if (!observed.ownNamespace || cluster.metadata.deletionTimestamp) return { conditions: [], finalizer: "none" };
  const namespace = clusterNamespace(cluster.metadata.name);
  const { apply, remove } = accountFor(namespace, observed);
  return {
    remove,
    apply: [
      ...apply,
      bindingOf({ name: "drover:agent", namespace, labels: MANAGED_BY }, clusterRole(HUB_ROLE.clusterAgent), AGENT, namespace),
      bindingOf({ name: HUB_ROLE.agentTokenMinter, namespace, labels: MANAGED_BY }, clusterRole(HUB_ROLE.agentTokenMinter), "auth"),
      ...agentObjects("operator-clusters", namespace),
    ],
    conditions: [],
    finalizer: "none",
  };
}

const clusterRole = (name: string) => ({ kind: "ClusterRole", name }) as const;

/**
 * The account of the key that is on record. One of another key goes first, and with it all tokens that were given for that key: a new
 * account has another UID, and it is made once the old one is gone.
 */
function accountFor(namespace: string, { account, registration }: Observed): Required<Pick<Plan<never>, "apply" | "remove">> {
  if (account.is === "unreadable" || registration.is === "unreadable") return { apply: [], remove: [] };
  const publicKey = registration.is === "present" ? registration.value.status?.publicKey : undefined;
  const print = publicKey === undefined ? undefined : fingerprint(Buffer.from(publicKey, "base64"));
  const { apiVersion, kind } = ServiceAccount;
  if (account.is === "present") {
    const { annotations, deletionTimestamp } = account.value.metadata;
    const madeFor = annotations?.[AGENT_KEY_ANNOTATION];
    if (deletionTimestamp !== undefined) return { apply: [], remove: [] };
    if (madeFor !== undefined && madeFor !== print) return { apply: [], remove: [refOf(account.value)] };
  }
  const annotations = print === undefined ? {} : { annotations: { [AGENT_KEY_ANNOTATION]: print } };
  const metadata = { name: AGENT, namespace, labels: MANAGED_BY, ...annotations };
  // Nothing in the hub runs as this account: no pod is to get its token by itself.
  const wanted: ServiceAccount = { apiVersion, kind, metadata, automountServiceAccountToken: false };
  return { apply: [wanted], remove: [] };
}
