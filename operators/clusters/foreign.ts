// What in a namespace could carry somebody's rights into it when it becomes Drover's.
import { RoleBinding, ServiceAccount } from "../../lib/kube/core.ts";
import type { PolicyRule } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";

/**
 * Bindings, and accounts other than the one that every namespace gets: a token of an account named `agent` that somebody made
 * beforehand would be the agent's. Sorted; "RoleBinding x", "ServiceAccount y".
 */
export function foreignIn(namespace: string, read: Reader): readonly string[] {
  const bindings = read.list(RoleBinding, { namespace }).map(({ metadata }) => `RoleBinding ${metadata.name}`);
  const accounts = read.list(ServiceAccount, { namespace }).filter(({ metadata }) => metadata.name !== "default");
  return [...bindings, ...accounts.map(({ metadata }) => `ServiceAccount ${metadata.name}`)].sort();
}

export const foreignAccess: readonly PolicyRule[] = [
  { apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings"], verbs: ["get", "list", "watch"] },
  { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["get", "list", "watch"] },
];
