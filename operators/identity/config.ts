import { defineConfig, HEALTH, LEADER_ELECTION } from "../../lib/process/config.ts";

export interface IdentityConfig {
  /** Absent: as a pod, or $KUBECONFIG. */
  readonly kubeconfig?: string;
  readonly health: { readonly host: string; readonly port: number };
  readonly leaderElection: {
    readonly namespace: string;
    readonly leaseDurationSeconds: number;
    readonly renewDeadlineSeconds: number;
    readonly retryPeriodSeconds: number;
  };
  /** Shown in the Lease; absent: the host name. */
  readonly identity?: string;
}

export const identityConfig = defineConfig<IdentityConfig>(
  {
    type: "object",
    properties: {
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      leaderElection: LEADER_ELECTION,
      identity: { type: "string" },
    },
  },
  ({ leaderElection: { retryPeriodSeconds: retry, renewDeadlineSeconds: renew, leaseDurationSeconds: lease } }) =>
    retry < renew && renew < lease ? undefined : "leaderElection needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds",
);
