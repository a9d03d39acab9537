// For reconcilers that keep one object for the whole hub: their subject is namespace drover-system.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { Namespace } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Plan, Watch } from "../../lib/reconcile/contract.ts";

/** The plan for every other namespace. */
export const NOTHING: Plan<never> = { conditions: [], finalizer: "none" };

export const isSystemNamespace = ({ metadata }: Namespace): boolean =>
  metadata.name === SYSTEM_NAMESPACE && metadata.deletionTimestamp === undefined;

/** Enqueues the one subject for changes of objects that matter. */
export const systemNamespaceFor = (kind: Kind<KubeObject>, matters: (object: KubeObject) => boolean = () => true): Watch => ({
  kind,
  toSubjects: (object) => (matters(object) ? [{ name: SYSTEM_NAMESPACE }] : []),
});
