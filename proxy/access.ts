// All that a proxy may do on the hub; deploy/ renders its ClusterRole from here. It reads what it decides by, and writes nothing:
// a review of an agent's token is a question.
import { GROUP } from "../lib/access/names.ts";
import type { PolicyRule } from "../lib/kube/object.ts";

export const access: readonly PolicyRule[] = [
  { apiGroups: [GROUP], resources: ["authproviders", "clustermembers", "clusters", "tokens", "users"], verbs: ["get", "list", "watch"] },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
];
