import { SHORT_NAME } from "../crds/v1alpha1/names.ts";
import { HUB, SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { type ConfigOf, defineConfig, HEALTH } from "../lib/process/config.ts";

export type AgentConfig = ConfigOf<typeof agentConfig>;

export const agentConfig = defineConfig(
  {
    type: "object",
    properties: {
      /** The name under which the hub knows this cluster. */
      cluster: { type: "string", ...SHORT_NAME },
      /** Of this cluster; without it the usual places, last the pod's own ServiceAccount. */
      kubeconfig: { type: "string", minLength: 1 },
      /** Where the agent lives in this cluster. */
      namespace: { type: "string", default: SYSTEM_NAMESPACE },
      authURL: { type: "string", pattern: "^https://" },
      proxyURLs: { type: "array", items: { type: "string", pattern: "^https://" }, minItems: 1 },
      /** PEM of the authority that auth and proxy are verified against. */
      caFile: { type: "string", minLength: 1 },
      /** The hub's API as the agent reaches it; default: through the first proxy. */
      hubURL: { type: "string", pattern: "^https://" },
      /** PEM for hubURL, when another authority than caFile signed for it. */
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
