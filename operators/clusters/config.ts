import { type ConfigOf, defineConfig } from "../../lib/process/config.ts";
import { leaseContradiction, OPERATOR_PROPERTIES } from "../../lib/process/operator-config.ts";

const url = { type: "string", pattern: "^https://[^/]+(/.*[^/])?$", description: "https, without a slash at the end" } as const;

export type ClustersConfig = ConfigOf<typeof clustersConfig>;

export const clustersConfig = defineConfig(
  {
    type: "object",
    required: ["authURL", "proxyURLs", "caFile", "agentImage"],
    properties: {
      ...OPERATOR_PROPERTIES,
      /** As managed clusters reach them. */
      authURL: url,
      proxyURLs: { type: "array", items: url, minItems: 1 },
      /** The authorities behind the certificates of those URLs, PEM. */
      caFile: { type: "string", minLength: 1 },
      agentImage: { type: "string", minLength: 1 },
      /** Where the hub's own agent reaches the hub's API server; by default as a pod does. */
      hubURL: { ...url, default: "https://kubernetes.default.svc" },
      deletionGraceSeconds: { type: "integer", minimum: 1, default: 60 },
      registrationTTLSeconds: { type: "integer", minimum: 600, default: 86_400 },
    },
  },
  leaseContradiction,
);
