// The permissions of ServiceAccount `impersonator`: to speak for people of Drover, and nothing else. Groups are named one by one, because
// RBAC knows no prefixes; alone, without impersonating, the account may do nothing at all. The agent keeps them in its cluster; with a
// permission ceiling below cluster-admin it may not, and the manifest of the agent contains them. Pure.
import { EVERYONE, MANAGED_BY } from "../access/names.ts";
import { ClusterRole } from "../kube/core.ts";
import type { PolicyRule } from "../kube/object.ts";
import { IMPERSONATOR } from "./components.ts";
import { bindingOf } from "./rbac.ts";

/** The name of its ClusterRole and of the binding. */
export const IMPERSONATOR_ROLE = `drover:${IMPERSONATOR}`;

/** Keys of extra information that the impersonator may pass on: its ClusterRole names each of them. */
export const EXTRA_KEYS: readonly string[] = ["drover.dev/cluster", "drover.dev/provider", "drover.dev/token"];

const { apiVersion, kind } = ClusterRole;
const metadata = { name: IMPERSONATOR_ROLE, labels: MANAGED_BY };

/** `groups`: those that it may pass on besides everyone. */
export const impersonatorRole = (groups: readonly string[]): ClusterRole & { readonly rules: readonly PolicyRule[] } => ({
  apiVersion,
  kind,
  metadata,
  rules: [
    { apiGroups: [""], resources: ["users"], verbs: ["impersonate"] },
    { apiGroups: [""], resources: ["groups"], resourceNames: [...new Set([EVERYONE, ...groups])].sort(), verbs: ["impersonate"] },
    {
      apiGroups: ["authentication.k8s.io"],
      resources: ["uids", ...EXTRA_KEYS.map((key) => `userextras/${key}`)],
      verbs: ["impersonate"],
    },
  ],
});

export const impersonatorBinding = bindingOf(metadata, { kind: "ClusterRole", name: IMPERSONATOR_ROLE }, IMPERSONATOR);

/** The groups that a role of ours lets the impersonator pass on. */
export const groupsOf = (role: ClusterRole): readonly string[] =>
  role.rules?.find((rule) => rule.resources?.includes("groups"))?.resourceNames ?? [];
