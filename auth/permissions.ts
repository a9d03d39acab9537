// The permissions of auth on the hub; its Roles are rendered from here.
import { AGENT, GROUP, SYSTEM_NAMESPACE } from "../lib/access/names.ts";
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

/** In one namespace: the password Secrets, and the key of the nonces, which auth creates when it is missing. */
export const namespacedPermissions: Readonly<Record<string, readonly PolicyRule[]>> = {
  [SYSTEM_NAMESPACE]: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "create"] }],
};

/**
 * In each cluster's namespace, where the clusters operator binds auth to ClusterRole `drover:agent-token-minter`: to give the agent that proved
 * its key a token of its own account, once that account is the one that was made for this key.
 */
export const clusterNamespacePermissions: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["serviceaccounts"], resourceNames: [AGENT], verbs: ["get"] },
  { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [AGENT], verbs: ["create"] },
];
