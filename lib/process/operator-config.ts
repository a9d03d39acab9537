// What every leader-elected process is configured with.
import { type ConfigDefinition, defineConfig, HEALTH, type Schema } from "./config.ts";

export interface OperatorConfig {
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

const LEADER_ELECTION: Schema = {
  type: "object",
  properties: {
    namespace: { type: "string", default: "drover-system" },
    leaseDurationSeconds: { type: "integer", minimum: 2, default: 15 },
    renewDeadlineSeconds: { type: "integer", minimum: 1, default: 10 },
    retryPeriodSeconds: { type: "number", minimum: 0.05, default: 2 },
  },
  default: {},
};

/** `more`: what this process knows besides. T is the caller's promise about it. */
export function defineOperatorConfig<T extends OperatorConfig = OperatorConfig>(
  more: Pick<Schema, "properties" | "required"> = {},
): ConfigDefinition<T> {
  const schema: Schema = {
    type: "object",
    required: more.required ?? [],
    properties: {
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      leaderElection: LEADER_ELECTION,
      identity: { type: "string", minLength: 1 },
      ...more.properties,
    },
  };
  return defineConfig<T>(schema, ({ leaderElection: { retryPeriodSeconds, renewDeadlineSeconds, leaseDurationSeconds } }) =>
    retryPeriodSeconds < renewDeadlineSeconds && renewDeadlineSeconds < leaseDurationSeconds
      ? undefined
      : "leaderElection needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds",
  );
}
