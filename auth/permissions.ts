// All that auth may do on the hub; deploy/ renders its Roles from here.
// To mint an agent's token it gets nothing here: the clusters operator binds it to `drover:agent-token-minter` in each cluster's namespace,
// which allows `get serviceaccounts` and `create serviceaccounts/token` for the account `agent` alone.
import { GROUP, SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import type { PolicyRule } from "../lib/kube/object.ts";

/** In all namespaces. No rule lets auth list Tokens, nor read any Secret here. */
export const permissions: readonly PolicyRule[] = [
  { apiGroups: [GROUP], resources: ["authproviders", "clusters", "clustermembers"], verbs: ["get", "list", "watch"] },
  { apiGroups: [GROUP], resources: ["users"], verbs: ["get"] },
  // For lastLoginTime, credential and loginGeneration.
  { apiGroups: [GROUP], resources: ["users/status"], verbs: ["patch"] },
  { apiGroups: [GROUP], resources: ["tokens"], verbs: ["get", "create", "delete"] },
  { apiGroups: [GROUP], resources: ["clusterregistrations"], verbs: ["get"] },
  { apiGroups: [GROUP], resources: ["clusterregistrations/status"], verbs: ["update"] },
];

/** In one namespace each: the password Secrets and the key of the nonces, which auth makes when it is missing. */
export const namespacedPermissions: Readonly<Record<string, readonly PolicyRule[]>> = {
  [SYSTEM_NAMESPACE]: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "create"] }],
};
