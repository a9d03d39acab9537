// Roles and bindings for Drover's own accounts, from the rules that code declares. Pure.
import { SYSTEM_NAMESPACE } from "../access/names.ts";
import type { ClusterRole, RbacSubject, Role, RoleBinding, RoleRef } from "../kube/core.ts";
import type { ObjectMeta, PolicyRule } from "../kube/object.ts";
import type { AccountName } from "./components.ts";

const GROUP = "rbac.authorization.k8s.io";
const apiVersion = `${GROUP}/v1`;

/** Label of objects in Drover's manifests. `managed-by` would make agents treat them as their own objects. */
export const PART_OF = { "app.kubernetes.io/part-of": "drover" } as const;

export interface Permissions {
  /** Of the role and its binding. */
  readonly name: string;
  /** In drover-system. */
  readonly account: AccountName;
  readonly rules: readonly PolicyRule[];
  /** Absent: in the whole cluster. */
  readonly namespace?: string;
}

/** A Role or ClusterRole with these rules and its binding; nothing when there are no rules. */
export function roleAndBinding({ name, account, rules, namespace }: Permissions): readonly (Role | ClusterRole | RoleBinding)[] {
  if (rules.length === 0) return [];
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  const metadata = { name, ...(namespace !== undefined && { namespace }), labels: PART_OF };
  return [{ apiVersion, kind, metadata, rules }, bindingOf(metadata, { kind, name }, account)];
}

export type AccountBinding<K extends RoleRef["kind"]> = RoleBinding & {
  readonly roleRef: { readonly kind: K };
  readonly subjects: readonly RbacSubject[];
};

/** A RoleBinding when `metadata` names a namespace, else a ClusterRoleBinding. `namespace`: where the account is. */
export const bindingOf = <K extends RoleRef["kind"]>(
  metadata: ObjectMeta,
  role: { readonly kind: K; readonly name: string },
  account: AccountName,
  namespace: string = SYSTEM_NAMESPACE,
): AccountBinding<K> => ({
  apiVersion,
  kind: metadata.namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
  metadata,
  roleRef: { apiGroup: GROUP, ...role },
  subjects: [{ kind: "ServiceAccount", name: account, namespace }],
});

const VERB_ORDER = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "use"];
const byUse = (a: string, b: string): number => VERB_ORDER.indexOf(a) - VERB_ORDER.indexOf(b) || (a < b ? -1 : 1);

/** Joins the verbs of rules about the same resource and names, or the same path; then joins rules that differ only in the resource. Sorted. */
export function mergedRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const verbs = new Map<string, { group?: string; what: string; names: readonly string[]; verbs: Set<string> }>();
  for (const rule of rules) {
    const names = [...(rule.resourceNames ?? [])].sort();
    const parts = [
      ...(rule.apiGroups ?? []).flatMap((group) => (rule.resources ?? []).map((what) => ({ group, what }))),
      ...(rule.nonResourceURLs ?? []).map((what) => ({ what })),
    ];
    for (const part of parts) {
      const key = JSON.stringify([part, names]);
      const entry = verbs.get(key) ?? { ...part, names, verbs: new Set<string>() };
      for (const verb of rule.verbs) entry.verbs.add(verb);
      verbs.set(key, entry);
    }
  }
  const together = new Map<string, { group?: string; whats: string[]; names: readonly string[]; verbs: string[] }>();
  for (const { group, what, names, verbs: set } of verbs.values()) {
    const sorted = [...set].sort(byUse);
    const key = JSON.stringify([group ?? null, names, sorted]);
    const entry = together.get(key) ?? { ...(group !== undefined && { group }), whats: [], names, verbs: sorted };
    entry.whats.push(what);
    together.set(key, entry);
  }
  return [...together.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, whats, names, verbs: list }]) => {
      if (group === undefined) return { nonResourceURLs: whats.sort(), verbs: list };
      return { apiGroups: [group], resources: whats.sort(), ...(names.length > 0 && { resourceNames: names }), verbs: list };
    });
}
