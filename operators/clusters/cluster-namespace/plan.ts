import { type Cluster, NamespaceReady } from "../../../crds/v1alpha1/cluster.ts";
import { clusterNamespace, GROUP, LABEL } from "../../../lib/access/names.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { ConditionIntent, Effect, Plan } from "../../../lib/reconcile/contract.ts";
import { type Backing, heldBecause, keepBacking, removeBacking, type Status } from "../backing.ts";
import type { Observed } from "./observe.ts";

/**
 * Takes finalizers of others off Drover's own objects. Otherwise whoever was once able to write to them, such as an agent, could keep a cluster
 * from being deleted.
 */
export interface RemoveFinalizers extends Effect {
  readonly type: "remove-finalizers";
  readonly from: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly finalizers: readonly string[];
  }[];
}

const OWN_FINALIZER = `${GROUP}/cluster-namespace`;

export function plan(cluster: Cluster, observed: Observed): Plan<Status> {
  const { namespace, unmanaged, projectNamespaces } = observed;
  const { name, deletionTimestamp, finalizers = [] } = cluster.metadata;
  const backing: Backing = {
    name: clusterNamespace(name),
    labels: { [LABEL.backsCluster]: name },
    adoptedUID: cluster.status?.namespaceUID,
    found: namespace,
    unmanaged,
  };
  if (deletionTimestamp) {
    const status = backing.adoptedUID === undefined ? {} : { namespaceUID: backing.adoptedUID };
    const others = finalizers.some((finalizer) => finalizer.startsWith(`${GROUP}/`) && finalizer !== OWN_FINALIZER);
    if (others) return { conditions: [], status, finalizer: "hold" };
    return {
      conditions: going(observed),
      status,
      ...removeBacking(backing),
      ...(observed.held.length > 0 && { effects: [withoutFinalizers(cluster, observed.held)] }),
      // Projects are released before their namespaces are gone; a new cluster of this name must find none of them.
      ...(projectNamespaces.length > 0 && { finalizer: "hold" }),
    };
  }
  return keepBacking(backing, NamespaceReady.type);
}

/** What holds a cluster that is being deleted. */
function going({ namespace, projectNamespaces, held }: Observed): readonly ConditionIntent[] {
  const { type } = NamespaceReady;
  const own = namespace.is === "present" && namespace.value.metadata.deletionTimestamp !== undefined ? [namespace.value] : [];
  const all = [...own, ...projectNamespaces];
  if (all.length === 0) return [];
  const because = heldBecause(all);
  if (held.length > 0) {
    const removed = held.map(({ kind, metadata }) => `${metadata.finalizers?.join(", ")} of ${kind} ${metadata.name}`);
    const message = `finalizers that are not Drover's were taken off Drover's own objects: ${removed.join("; ")}`;
    return [{ type, status: "False", reason: NamespaceReady.FinalizersRemoved, message }];
  }
  if (because.length > 0) return [{ type, status: "False", reason: NamespaceReady.HeldByFinalizers, message: because.join("; ") }];
  const message = `waiting for the deletion of ${all.map(({ metadata }) => metadata.name).join(", ")}`;
  return [{ type, status: "False", reason: NamespaceReady.Going, message }];
}

function withoutFinalizers({ apiVersion, kind, metadata }: Cluster, held: readonly KubeObject[]): RemoveFinalizers {
  const from = held.map((object) => ({
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace ?? "",
    uid: object.metadata.uid ?? "",
    finalizers: object.metadata.finalizers ?? [],
  }));
  return { type: "remove-finalizers", subject: { apiVersion, kind, name: metadata.name }, from };
}
