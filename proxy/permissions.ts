// All that a proxy may do on the hub; deploy/ renders its Role from here. All that it writes is its Lease: a
// TokenReview is a question.
import { GROUP, PROXY_NAMESPACE } from "../lib/access/names.ts";
import type { PolicyRule } from "../lib/kube/object.ts";
import { KEYS_PATH } from "./agents/hub-keys.ts";

export const permissions: readonly PolicyRule[] = [
  {
    apiGroups: [GROUP],
    resources: ["tokens", "users", "authproviders", "clusters", "clustermembers", "clusterregistrations"],
    verbs: ["get", "list", "watch"],
  },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { nonResourceURLs: [KEYS_PATH], verbs: ["get"] },
];

/** Of Leases there are none but those of the replicas, whose names are not known before. */
export const namespacedPermissions: Readonly<Record<string, readonly PolicyRule[]>> = {
  [PROXY_NAMESPACE]: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list", "watch", "create", "patch", "delete"] }],
};
