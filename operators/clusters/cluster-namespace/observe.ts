import type { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace } from "../../../lib/access/names.ts";
import { agentObjectKinds } from "../../../lib/components/agent-on-hub.ts";
import { Namespace, ServiceAccount } from "../../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../../lib/kube/object.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { goingProjectNamespaces } from "../adopted.ts";
import { unmanagedIn } from "../unmanaged.ts";

export interface Observed {
  readonly namespace: Reading<Namespace>;
  readonly unmanaged: readonly string[];
  /** For a cluster that is being deleted: namespaces of its projects that still exist. */
  readonly projectNamespaces: readonly Namespace[];
  /** Likewise: objects of this operator in the cluster's namespace that finalizers of others hold. */
  readonly held: readonly KubeObject[];
}

/** What this operator creates there; Drover puts no finalizer on any of it. */
export const OWN_OBJECTS: readonly Kind<KubeObject>[] = [...agentObjectKinds("operator-clusters"), ClusterRegistration, ServiceAccount];

export async function observe(cluster: Cluster, read: Reader): Promise<Observed> {
  const name = clusterNamespace(cluster.metadata.name);
  const going = cluster.metadata.deletionTimestamp !== undefined;
  return {
    namespace: read.get(Namespace, name),
    unmanaged: unmanagedIn(name, read),
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
