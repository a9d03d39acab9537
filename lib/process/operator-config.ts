// What every leader-elected process is configured with.
import { type Config, defineConfig, HEALTH, type Schema } from "./config.ts";

const LEADER_ELECTION = {
  type: "object",
  properties: {
    namespace: { type: "string", default: "drover-system" },
    leaseDurationSeconds: { type: "integer", minimum: 2, default: 15 },
    renewDeadlineSeconds: { type: "integer", minimum: 1, default: 10 },
    retryPeriodSeconds: { type: "number", minimum: 0.05, default: 2 },
  },
  default: {},
} as const satisfies Schema;

/** For the schema of a process that is configured with more; `leaseContradiction` goes with them. */
export const OPERATOR_PROPERTIES = {
  /** Absent: $KUBECONFIG, ~/.kube/config, or the pod's ServiceAccount. */
  kubeconfig: { type: "string", minLength: 1 },
  health: HEALTH,
  leaderElection: LEADER_ELECTION,
  /** Shown in the lease. Default: the host name. */
  identity: { type: "string", minLength: 1 },
} as const satisfies Schema["properties"];

export type OperatorConfig = Config<{ readonly type: "object"; readonly properties: typeof OPERATOR_PROPERTIES }>;

export const leaseContradiction = ({ leaderElection }: OperatorConfig): string | undefined =>
  leaderElection.retryPeriodSeconds < leaderElection.renewDeadlineSeconds &&
  leaderElection.renewDeadlineSeconds < leaderElection.leaseDurationSeconds
    ? undefined
    : "leaderElection needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds";

export const operatorConfig = defineConfig({ type: "object", properties: OPERATOR_PROPERTIES }, leaseContradiction);
