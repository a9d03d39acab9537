// What to write so that the guard policies in this cluster are what lib/guards says. Pure.
import { MANAGED_CLUSTER_GUARDS } from "../../lib/guards/bundle.ts";
import { differences } from "../../lib/guards/difference.ts";
import { type KubeObject, refOf } from "../../lib/kube/object.ts";
import type { Plan } from "../../lib/reconcile/contract.ts";

export interface Observed {
  /** The policies and bindings of the cluster, others than Drover's included. */
  readonly live: readonly KubeObject[];
  /** The hub gave the cluster up, and the access is revoked. */
  readonly isGivenUp: boolean;
}

export interface Correction {
  /** With fields or items that server-side apply leaves alone, because others wrote them: made anew, once the watch has seen them gone. */
  readonly remove: readonly KubeObject[];
  /** In this order; what has not drifted costs no request. */
  readonly apply: readonly KubeObject[];
}

/** `manager`: who applies them. The plan's status is whether the guards are removed for good. */
export function plan({ live, isGivenUp }: Observed, manager: string): Plan<boolean> {
  const wanted = MANAGED_CLUSTER_GUARDS.objects;
  const end = { status: isGivenUp, conditions: [], finalizer: "none" as const };
  // Bindings before their policies: none refers to a policy that is gone.
  if (isGivenUp) return { ...end, remove: [...wanted].reverse().map(refOf) };
  const { remove, apply } = correction(wanted, live, manager);
  return { ...end, remove: remove.map(refOf), apply };
}

/** `live`: the policies and bindings that there are. `manager`: who applies them. */
export function correction(wanted: readonly KubeObject[], live: readonly KubeObject[], manager: string): Correction {
  const extended = new Set(differences(wanted, live).flatMap((one) => (one.is === "extended" ? [one.wanted] : [])));
  const liveOf = (one: KubeObject): KubeObject | undefined =>
    live.find(({ kind, metadata }) => kind === one.kind && metadata.name === one.metadata.name);
  const remove = wanted.flatMap((one) => {
    const object = extended.has(one) ? liveOf(one) : undefined;
    return object === undefined || isAsMade(object, manager) ? [] : [object];
  });
  const removed = new Set(remove.map(({ metadata }) => metadata.uid));
  const apply = wanted.filter((one) => {
    const object = liveOf(one);
    return object === undefined || (object.metadata.deletionTimestamp === undefined && !removed.has(object.metadata.uid));
  });
  return { remove, apply };
}

/**
 * Nobody but the agent ever wrote the spec, so a field that it did not write is a default of a Kubernetes that this version of Drover does not know. To
 * make it anew would give the same, again and again. Such guards count as missing, and people read which field it is.
 */
const isAsMade = ({ metadata: { generation, managedFields = [] } }: KubeObject, manager: string): boolean =>
  generation === 1 && managedFields.every((entry) => entry.manager === manager || entry.subresource !== undefined);
