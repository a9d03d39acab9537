// What to write so that the guard policies in this cluster are what lib/guards says. Pure.
import { differences } from "../../lib/guards/difference.ts";
import type { KubeObject } from "../../lib/kube/object.ts";

export interface Correction {
  /** With fields or items that server-side apply leaves alone, because others wrote them: made anew, once the watch has seen them gone. */
  readonly remove: readonly KubeObject[];
  /** In this order; what has not drifted costs no request. */
  readonly apply: readonly KubeObject[];
}

/** `live`: the policies and bindings that there are. `manager`: who applies them. */
export function plan(wanted: readonly KubeObject[], live: readonly KubeObject[], manager: string): Correction {
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
