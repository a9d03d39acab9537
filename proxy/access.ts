// All that a proxy may do on the hub; deploy/ renders its Role from here. It writes nothing: a TokenReview is a question.

import { GROUP } from "../lib/access/names.ts";
import type { PolicyRule } from "../lib/kube/object.ts";
import { KEYS_PATH } from "./agents/hub-keys.ts";

export const access: readonly PolicyRule[] = [
  {
    apiGroups: [GROUP],
    resources: ["tokens", "users", "authproviders", "clusters", "clustermembers", "clusterregistrations"],
    verbs: ["get", "list", "watch"],
  },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { nonResourceURLs: [KEYS_PATH], verbs: ["get"] },
];
