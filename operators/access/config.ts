import { type ConfigDefinition, defineConfig, HEALTH, LEADER_ELECTION } from "../../lib/process/config.ts";

export interface Config {
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
}

export const config: ConfigDefinition<Config> = defineConfig<Config>(
  {
    type: "object",
    properties: {
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      leaderElection: LEADER_ELECTION,
      identity: { type: "string", minLength: 1 },
    },
  },
  ({ leaderElection: { retryPeriodSeconds, renewDeadlineSeconds, leaseDurationSeconds } }) =>
    retryPeriodSeconds < renewDeadlineSeconds && renewDeadlineSeconds < leaseDurationSeconds
      ? undefined
      : "leaderElection needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds",
);
