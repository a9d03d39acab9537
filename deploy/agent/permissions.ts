// The permissions of the agent's accounts in a managed cluster. No `escalate` and no `bind`: what the agent grants it must hold, by the ceiling.
import { AGENT_BASE_ROLE, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { GUARD_PROBE } from "../../lib/components/components.ts";
import { impersonatorBinding, impersonatorRole } from "../../lib/components/impersonator.ts";
import { bindingOf, PART_OF, roleAndBinding } from "../../lib/components/rbac.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { rules } from "./rules.ts";

const RBAC = "rbac.authorization.k8s.io";

/**
 * What the agent needs for its own work, whatever the ceiling is, by the rules that are generated from what it declares. RBAC counts them as held:
 * a template could pass on this much beyond the ceiling.
 */
export const agentPermissions = (): readonly KubeObject[] => [
  ...roleAndBinding({ name: AGENT_BASE_ROLE, account: "agent", rules: rules.cluster }),
  ...roleAndBinding({ name: "drover:agent", account: "agent", rules: rules.namespaced, namespace: SYSTEM_NAMESPACE }),
];

/** The most that Drover can grant here: RBAC lets nobody give what they do not hold. */
export const ceilingBinding = (ceiling: string): KubeObject =>
  bindingOf({ name: "drover:agent", labels: PART_OF }, { kind: "ClusterRole", name: ceiling }, "agent");

/** The plain RBAC permission to what the guards must refuse: the probe may bind nothing but what it holds itself, this role. */
export const probePermissions = (): readonly KubeObject[] =>
  roleAndBinding({
    name: `drover:${GUARD_PROBE}`,
    account: GUARD_PROBE,
    rules: [
      { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
      { apiGroups: [RBAC], resources: ["rolebindings"], verbs: ["create"] },
    ],
  });

/** The same that the agent would write. */
export const impersonatorPermissions = (groups: readonly string[]): readonly KubeObject[] => [
  impersonatorRole(groups),
  impersonatorBinding,
];
