// The permissions of the proxy on the hub; its Roles are rendered from here. It writes nothing but its Lease; to create a TokenReview stores nothing.
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

/** The namespace holds nothing but the Leases of the replicas, whose names are not known in advance. */
export const namespacedPermissions: Readonly<Record<string, readonly PolicyRule[]>> = {
  [PROXY_NAMESPACE]: [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["list", "watch", "create", "patch", "delete"] }],
};
