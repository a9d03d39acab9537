// The rights of the agent's accounts in a managed cluster. No `escalate` and no `bind`: what the agent grants it must hold, by the ceiling.
import { AGENT_BASE_ROLE, MANAGED_BY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { GUARD_PROBE, IMPERSONATOR } from "../../lib/components/components.ts";
import { bindingOf, PART_OF, roleAndBinding } from "../../lib/components/rbac.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";

const RBAC = "rbac.authorization.k8s.io";

/** What the agent needs for its own work, whatever the ceiling is. RBAC counts it as held: a template could pass on this much beyond the ceiling. */
const BASE: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "patch"] },
  // The last step of leaving a cluster.
  { apiGroups: [""], resources: ["namespaces"], resourceNames: [SYSTEM_NAMESPACE], verbs: ["delete"] },
  { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
  {
    apiGroups: [RBAC],
    resources: ["clusterroles", "clusterrolebindings", "rolebindings"],
    verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
    verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
  },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  { nonResourceURLs: ["/version", "/readyz"], verbs: ["get"] },
  // Drover's own paths: what capabilities of templates become in a managed cluster.
  { nonResourceURLs: ["/drover.dev/*"], verbs: ["use"] },
];

const OWN_SECRETS = ["agent-key", "agent-registration", "agent-state"];

const OWN_NAMESPACE: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
  { apiGroups: [""], resources: ["secrets"], resourceNames: OWN_SECRETS, verbs: ["get", "update", "patch", "delete"] },
  { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [GUARD_PROBE, IMPERSONATOR], verbs: ["create"] },
];

export const agentPermissions = (): readonly KubeObject[] => [
  ...roleAndBinding({ name: AGENT_BASE_ROLE, account: "agent", rules: BASE }),
  ...roleAndBinding({ name: "drover:agent", account: "agent", rules: OWN_NAMESPACE, namespace: SYSTEM_NAMESPACE }),
];

/** The most that Drover can grant here: RBAC lets nobody give what he has not. */
export const ceilingBinding = (ceiling: string): KubeObject =>
  bindingOf({ name: "drover:agent", labels: PART_OF }, { kind: "ClusterRole", name: ceiling }, "agent");

/** The plain RBAC right to what the guards must refuse: the probe may bind nothing but what it holds itself, this role. */
export const probePermissions = (): readonly KubeObject[] =>
  roleAndBinding({
    name: `drover:${GUARD_PROBE}`,
    account: GUARD_PROBE,
    rules: [
      { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
      { apiGroups: [RBAC], resources: ["rolebindings"], verbs: ["create"] },
    ],
  });

/** As the agent itself would write it, so that it finds nothing to change. */
export const impersonatorPermissions = (groups: readonly string[]): readonly KubeObject[] =>
  roleAndBinding({
    name: `drover:${IMPERSONATOR}`,
    account: IMPERSONATOR,
    rules: [
      { apiGroups: [""], resources: ["users"], verbs: ["impersonate"] },
      { apiGroups: [""], resources: ["groups"], resourceNames: [...new Set(groups)].sort(), verbs: ["impersonate"] },
      {
        apiGroups: ["authentication.k8s.io"],
        resources: ["uids", "userextras/drover.dev/cluster", "userextras/drover.dev/provider", "userextras/drover.dev/token"],
        verbs: ["impersonate"],
      },
    ],
  }).map((object) => ({ ...object, metadata: { ...object.metadata, labels: MANAGED_BY } }));
