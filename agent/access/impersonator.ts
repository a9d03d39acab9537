// The permissions of ServiceAccount `impersonator`: to speak for people of Drover, and nothing else. Groups are named one by one, because
// RBAC knows no prefixes; alone, without impersonating, the account may do nothing at all.
import { EVERYONE, MANAGED_BY } from "../../lib/access/names.ts";
import type { RbacBinding, RbacRole } from "../../lib/access/render.ts";
import { IMPERSONATOR } from "../../lib/components/components.ts";
import { EXTRA_KEYS } from "../tunnel/identity.ts";

/** The name of its ClusterRole and of the binding. */
export const IMPERSONATOR_ROLE = `drover:${IMPERSONATOR}`;
const RBAC = "rbac.authorization.k8s.io";

/** `groups`: those of the sets. */
export function impersonatorRole(groups: readonly string[]): RbacRole {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: IMPERSONATOR_ROLE, labels: MANAGED_BY },
    rules: [
      { apiGroups: [""], resources: ["users"], verbs: ["impersonate"] },
      { apiGroups: [""], resources: ["groups"], resourceNames: [...new Set([EVERYONE, ...groups])].sort(), verbs: ["impersonate"] },
      {
        apiGroups: ["authentication.k8s.io"],
        resources: ["uids", ...EXTRA_KEYS.map((key) => `userextras/${key}`)],
        verbs: ["impersonate"],
      },
    ],
  };
}

export function impersonatorBinding(namespace: string): RbacBinding {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: IMPERSONATOR_ROLE, labels: MANAGED_BY },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: IMPERSONATOR_ROLE },
    subjects: [{ kind: "ServiceAccount", namespace, name: IMPERSONATOR }],
  };
}

/** The groups that a role of ours lets the impersonator pass on. */
export function groupsOf(role: { readonly rules?: RbacRole["rules"] | null }): readonly string[] {
  return role.rules?.find((rule) => rule.resources?.includes("groups"))?.resourceNames ?? [];
}
