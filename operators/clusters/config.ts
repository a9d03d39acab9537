import type { ConfigDefinition } from "../../lib/process/config.ts";
import { defineOperatorConfig, type OperatorConfig } from "../../lib/process/operator-config.ts";

export interface ClustersConfig extends OperatorConfig {
  /** As members reach them. */
  readonly authURL: string;
  readonly proxyURLs: readonly string[];
  /** The authorities behind those URLs' certificates, PEM. */
  readonly caFile: string;
  readonly agentImage: string;
  /** Where the hub's own agent reaches the hub's API server; as a pod does by default. */
  readonly hubURL: string;
  readonly deletionGraceSeconds: number;
  readonly registrationTTLSeconds: number;
}

const url = { type: "string", pattern: "^https://[^/]+(/.*[^/])?$", description: "https, without a slash at the end" } as const;

export const clustersConfig: ConfigDefinition<ClustersConfig> = defineOperatorConfig<ClustersConfig>({
  required: ["authURL", "proxyURLs", "caFile", "agentImage"],
  properties: {
    authURL: url,
    proxyURLs: { type: "array", items: url, minItems: 1 },
    caFile: { type: "string", minLength: 1 },
    agentImage: { type: "string", minLength: 1 },
    hubURL: { ...url, default: "https://kubernetes.default.svc" },
    deletionGraceSeconds: { type: "integer", minimum: 1, default: 60 },
    registrationTTLSeconds: { type: "integer", minimum: 600, default: 86_400 },
  },
});
