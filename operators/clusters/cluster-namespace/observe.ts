import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace } from "../../../lib/access/names.ts";
import { agentObjectKinds } from "../../../lib/components/agent-on-hub.ts";
import { Namespace, ServiceAccount } from "../../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../../lib/kube/object.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { goingProjectNamespaces } from "../adopted.ts";
import { foreignIn } from "../foreign.ts";

export interface Observed {
  readonly namespace: Reading<Namespace>;
  readonly foreign: readonly string[];
  /** Of a cluster that is being deleted: the namespaces of its projects that are not gone yet. */
  readonly projectNamespaces: readonly Namespace[];
  /** Likewise: what the operator made in the cluster's namespace and somebody's finalizers keep from going with it. */
  readonly held: readonly KubeObject[];
}

/** What this operator makes there under a name of its own; none of it has a finalizer of Drover's. */
export const OWN_OBJECTS: readonly Kind<KubeObject>[] = [...agentObjectKinds("operator-clusters"), ClusterRegistration, ServiceAccount];

export async function observe(cluster: Cluster, read: Reader): Promise<Observed> {
  const name = clusterNamespace(cluster.metadata.name);
  const going = cluster.metadata.deletionTimestamp !== undefined;
  return {
    namespace: read.get(Namespace, name),
    foreign: foreignIn(name, read),
    projectNamespaces: going ? goingProjectNamespaces(cluster.metadata.name, read) : [],
    held: going ? OWN_OBJECTS.flatMap((kind) => heldIn(name, kind, read)) : [],
  };
}

function heldIn(namespace: string, kind: Kind<KubeObject>, read: Reader): readonly KubeObject[] {
  const found = read.get(kind, AGENT, namespace);
  if (found.is !== "present") return [];
  const { deletionTimestamp, finalizers = [] } = found.value.metadata;
  return deletionTimestamp !== undefined && finalizers.length > 0 ? [found.value] : [];
}
