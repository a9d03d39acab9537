import { SHORT_NAME } from "../crds/v1alpha1/names.ts";
import { HUB, SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { defineConfig, HEALTH } from "../lib/process/config.ts";

export interface AgentConfig {
  /** The name under which the hub knows this cluster. */
  readonly cluster: string;
  /** Of this cluster; without it the usual places, last the pod's own ServiceAccount. */
  readonly kubeconfig?: string;
  /** Where the agent lives in this cluster. */
  readonly namespace: string;
  readonly authURL: string;
  readonly proxyURLs: readonly string[];
  /** PEM of the authority that auth and proxy are verified against. */
  readonly caFile?: string;
  /** The hub's API as the agent reaches it; default: through the first proxy. */
  readonly hubURL?: string;
  /** PEM for hubURL, when another authority than caFile signed for it. */
  readonly hubCAFile?: string;
  readonly registrationTokenFile?: string;
  readonly health: { readonly host: string; readonly port: number };
}

export const agentConfig = defineConfig<AgentConfig>(
  {
    type: "object",
    properties: {
      cluster: { type: "string", ...SHORT_NAME },
      kubeconfig: { type: "string", minLength: 1 },
      namespace: { type: "string", default: SYSTEM_NAMESPACE },
      authURL: { type: "string", pattern: "^https://" },
      proxyURLs: { type: "array", items: { type: "string", pattern: "^https://" }, minItems: 1 },
      caFile: { type: "string", minLength: 1 },
      hubURL: { type: "string", pattern: "^https://" },
      hubCAFile: { type: "string", minLength: 1 },
      registrationTokenFile: { type: "string", minLength: 1 },
      health: HEALTH,
    },
    required: ["cluster", "authURL", "proxyURLs"],
  },
  (config) => {
    // The guards and the tokens' audience are tied to this name.
    if (config.namespace !== SYSTEM_NAMESPACE) return `"namespace" must be ${SYSTEM_NAMESPACE}`;
    if (config.hubCAFile !== undefined && config.hubURL === undefined) return `"hubCAFile" is for "hubURL", which is missing`;
    if (config.cluster === HUB && config.hubURL === undefined)
      return `the agent of the cluster ${HUB} needs "hubURL", the hub's own API server`;
    return undefined;
  },
);
