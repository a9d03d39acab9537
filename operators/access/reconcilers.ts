// All reconcilers of the access operator.
import type { AnyReconciler } from "../../lib/reconcile/pass.ts";
import { clusterBindingStatus, projectBindingStatus } from "./binding-status/reconciler.ts";
import { clusterAccess } from "./cluster-access/reconciler.ts";
import { globalRoleStatus } from "./globalrole-status/reconciler.ts";
import { globalRoleBindingStatus } from "./globalrolebinding-status/reconciler.ts";
import { guardPermissions, type HubGuardStatus } from "./hub-guards.ts";
import { templateFlatten } from "./template-flatten/reconciler.ts";

export { cacheOptions } from "./watches.ts";

/** `guards`: what is known about the hub's own admission policies at the moment of asking. */
export const reconcilersWith = (guards: () => HubGuardStatus): readonly AnyReconciler[] =>
  [
    templateFlatten,
    clusterBindingStatus(guards),
    projectBindingStatus(guards),
    globalRoleStatus,
    globalRoleBindingStatus(guards),
    clusterAccess(guards),
  ] as unknown as AnyReconciler[];

/** What Roles are generated from; the process runs the same ones, with guards that it watches. */
export const reconcilers = reconcilersWith(() => ({ state: "Unknown", message: "not asked yet", gaps: [] }));

/** What the process needs besides, to know whether the guards are in force. */
export const { cluster: permissions, namespaced: namespacedPermissions } = guardPermissions;
