import { type ConfigDefinition, defineConfig, HEALTH, LEADER_ELECTION } from "../../lib/process/config.ts";

export interface ClustersConfig {
  /** Absent: $KUBECONFIG, ~/.kube/config, or the pod's ServiceAccount. */
  readonly kubeconfig?: string;
  readonly health: { readonly host: string; readonly port: number };
  readonly leaderElection: {
    readonly namespace: string;
    readonly leaseDurationSeconds: number;
    readonly renewDeadlineSeconds: number;
    readonly retryPeriodSeconds: number;
  };
  /** Shown in the lease. Default: the host name. */
  readonly identity?: string;
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

export const clustersConfig: ConfigDefinition<ClustersConfig> = defineConfig<ClustersConfig>(
  {
    type: "object",
    required: ["authURL", "proxyURLs", "caFile", "agentImage"],
    properties: {
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      leaderElection: LEADER_ELECTION,
      identity: { type: "string", minLength: 1 },
      authURL: url,
      proxyURLs: { type: "array", items: url, minItems: 1 },
      caFile: { type: "string", minLength: 1 },
      agentImage: { type: "string", minLength: 1 },
      hubURL: { ...url, default: "https://kubernetes.default.svc" },
      deletionGraceSeconds: { type: "integer", minimum: 1, default: 60 },
      registrationTTLSeconds: { type: "integer", minimum: 600, default: 86_400 },
    },
  },
  ({ leaderElection: { retryPeriodSeconds, renewDeadlineSeconds, leaseDurationSeconds } }) =>
    retryPeriodSeconds < renewDeadlineSeconds && renewDeadlineSeconds < leaseDurationSeconds
      ? undefined
      : "leaderElection needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds",
);
