// Objects in a namespace that Drover does not manage and that could give somebody permissions in it once it is Drover's.
import { RoleBinding, ServiceAccount } from "../../lib/kube/core.ts";
import type { PolicyRule } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";

/**
 * RoleBindings, and ServiceAccounts other than `default`: with a token of an account `agent` that somebody created beforehand they would be the
 * agent. Sorted; "RoleBinding x", "ServiceAccount y".
 */
export function unmanagedIn(namespace: string, read: Reader): readonly string[] {
  const bindings = read.list(RoleBinding, { namespace }).map(({ metadata }) => `RoleBinding ${metadata.name}`);
  const accounts = read.list(ServiceAccount, { namespace }).filter(({ metadata }) => metadata.name !== "default");
  return [...bindings, ...accounts.map(({ metadata }) => `ServiceAccount ${metadata.name}`)].sort();
}

export const unmanagedPermissions: readonly PolicyRule[] = [
  { apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "list", "watch"] },
];
