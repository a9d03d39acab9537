// What the guards must refuse, as requests that the probe makes: each is a dry run, so that nothing is left behind when a guard lets it through.
import { LABEL, SYSTEM_NAMESPACE } from "../access/names.ts";
import { Namespace, RoleBinding } from "../kube/core.ts";
import type { Kind, KubeObject } from "../kube/object.ts";

/**
 * The role of ServiceAccount guard-probe: the plain RBAC permission to make every attempt, and none on a path of Drover. It may bind what it
 * holds itself, this role, so that not RBAC's escalation check but only the guard can refuse.
 */
const PROBE_ROLE = "drover:guard-probe";

export interface Attempt {
  /** The policy that has to refuse it. */
  readonly policy: string;
  readonly kind: Kind<KubeObject>;
  readonly object: KubeObject;
}

const RBAC = "rbac.authorization.k8s.io";
const binding = {
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name: "guard-probe-attempt", namespace: SYSTEM_NAMESPACE },
  roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: PROBE_ROLE },
  subjects: [{ kind: "User", apiGroup: RBAC, name: "drover:user:guard-probe" }],
};
const namespace = (name: string, labels: Readonly<Record<string, string>> = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, labels },
});

/** In every managed cluster, the hub included. */
export const MANAGED_CLUSTER_ATTEMPTS: readonly Attempt[] = [
  { policy: "drover-namespaces", kind: Namespace, object: namespace("drover-guard-probe", { [LABEL.project]: "guard-probe" }) },
  { policy: "drover-managed-objects", kind: RoleBinding, object: binding },
];

/** On the hub. To try its other policies the probe would need permissions that it must not hold, to make Tokens for example. */
export const HUB_ATTEMPTS: readonly Attempt[] = [
  ...MANAGED_CLUSTER_ATTEMPTS,
  { policy: "drover-backing-namespaces", kind: Namespace, object: namespace("cluster-guard-probe") },
];
