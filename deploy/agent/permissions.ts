// The rights of the agent's accounts in a managed cluster. No `escalate` and no `bind`: what the agent grants it must hold, by the ceiling.
import { MANAGED_BY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";

const RBAC = "rbac.authorization.k8s.io";
const labels = { "app.kubernetes.io/part-of": "drover" };

interface Right {
  readonly name: string;
  readonly account: string;
  readonly rules: readonly PolicyRule[];
  /** Absent: in the whole cluster. */
  readonly namespace?: string;
}

function right({ name, account, rules, namespace }: Right): readonly KubeObject[] {
  const kind = namespace === undefined ? "ClusterRole" : "Role";
  const metadata = { name, ...(namespace !== undefined && { namespace }), labels };
  return [{ apiVersion: `${RBAC}/v1`, kind, metadata, rules } as KubeObject, binding(metadata, kind, name, account)];
}

const binding = (metadata: KubeObject["metadata"], kind: string, role: string, account: string): KubeObject =>
  ({
    apiVersion: `${RBAC}/v1`,
    kind: metadata.namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata,
    roleRef: { apiGroup: RBAC, kind, name: role },
    subjects: [{ kind: "ServiceAccount", name: account, namespace: SYSTEM_NAMESPACE }],
  }) as KubeObject;

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
  { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: ["guard-probe", "impersonator"], verbs: ["create"] },
];

export const agentPermissions = (): readonly KubeObject[] => [
  ...right({ name: "drover:agent-base", account: "agent", rules: BASE }),
  ...right({ name: "drover:agent", account: "agent", rules: OWN_NAMESPACE, namespace: SYSTEM_NAMESPACE }),
];

/** The most that Drover can grant here: RBAC lets nobody give what he has not. */
export const ceilingBinding = (ceiling: string): KubeObject => binding({ name: "drover:agent", labels }, "ClusterRole", ceiling, "agent");

/** The plain RBAC right to what the guards must refuse: the probe may bind nothing but what it holds itself, this role. */
export const probePermissions = (): readonly KubeObject[] =>
  right({
    name: "drover:guard-probe",
    account: "guard-probe",
    rules: [
      { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
      { apiGroups: [RBAC], resources: ["rolebindings"], verbs: ["create"] },
    ],
  });

/** As the agent itself would write it, so that it finds nothing to change. */
export const impersonatorPermissions = (groups: readonly string[]): readonly KubeObject[] =>
  right({
    name: "drover:impersonator",
    account: "impersonator",
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
