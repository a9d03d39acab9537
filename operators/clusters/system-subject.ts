// For reconcilers whose job is one object for the whole hub: their subject is the namespace that Drover lives in.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { Namespace } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Plan, Watch } from "../../lib/reconcile/contract.ts";

/** What there is to do about every other namespace. */
export const NOTHING: Plan<never> = { conditions: [], finalizer: "none" };

export const isSystemNamespace = ({ metadata }: Namespace): boolean =>
  metadata.name === SYSTEM_NAMESPACE && metadata.deletionTimestamp === undefined;

/** Wakes the one subject for changes of such objects as matter. */
export const systemNamespaceFor = (kind: Kind<KubeObject>, matters: (object: KubeObject) => boolean = () => true): Watch => ({
  kind,
  toSubjects: (object) => (matters(object) ? [{ name: SYSTEM_NAMESPACE }] : []),
});
