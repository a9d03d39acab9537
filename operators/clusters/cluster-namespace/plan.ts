import { type Cluster, NamespaceReady } from "../../../crds/v1alpha1/cluster.ts";
import { clusterNamespace, GROUP, LABEL } from "../../../lib/access/names.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { type Backing, judgeBacking, removeBacking, type Status } from "../backing.ts";
import type { Observed } from "./observe.ts";

const OWN_FINALIZER = `${GROUP}/cluster-namespace`;

export function plan(cluster: Cluster, { namespace, foreign, projectNamespaces }: Observed): Plan<Status> {
  const { name, deletionTimestamp, finalizers = [] } = cluster.metadata;
  const backing: Backing = {
    name: clusterNamespace(name),
    labels: { [LABEL.backsCluster]: name },
    adoptedUID: cluster.status?.namespaceUID,
    found: namespace,
    foreign,
  };
  if (deletionTimestamp) {
    const status = backing.adoptedUID === undefined ? {} : { namespaceUID: backing.adoptedUID };
    const others = finalizers.some((finalizer) => finalizer.startsWith(`${GROUP}/`) && finalizer !== OWN_FINALIZER);
    if (others) return { conditions: [], status, finalizer: "hold" };
    const removal = removeBacking(backing);
    // Projects are let go before their namespaces are gone; whoever makes a cluster of this name again must find none of them.
    return { conditions: [], status, ...removal, ...(projectNamespaces.length > 0 && { finalizer: "hold" }) };
  }
  const { type } = NamespaceReady;
  const verdict = judgeBacking(backing);
  const { apply, status, is: reason } = verdict;
  if (verdict.is === "Ready") return { apply, status, conditions: [{ type, status: "True", reason, message: "" }], finalizer: "hold" };
  const condition = { type, status: verdict.is === "Unreadable" ? "Unknown" : "False", reason, message: verdict.message } as const;
  // A namespace of somebody else's is not ours to clean up.
  return { apply, status, conditions: [condition], finalizer: verdict.is === "NameTaken" ? "none" : "hold" };
}
