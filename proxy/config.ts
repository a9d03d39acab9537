// The configuration of the proxy. Unknown keys and contradictions stop the start.
import { hostname } from "node:os";
import { defineConfig, HEALTH, LISTEN, TLS } from "../lib/process/config.ts";
import { notAnAddress } from "../lib/server/addresses.ts";

export interface ProxyConfig {
  /** Absent: as a pod, or $KUBECONFIG. */
  readonly kubeconfig?: string;
  readonly health: { readonly host: string; readonly port: number };
  /** Port 0: the operating system chooses; the log line "listening" says which. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM files; read again when they change. */
  readonly tls: { readonly certFile: string; readonly keyFile: string };
  /** Different for each replica: the name of its Lease, by which agents tell replicas apart. Default: the host name, which pods have each their own. */
  readonly replicaId: string;
  /** How long the hub may be silent before everybody is refused. */
  readonly staleAfterSeconds: number;
  /** Addresses or CIDRs of load balancers: their X-Forwarded-For is believed, and whoever it names is the source; see docs/decisions/0015-where-a-request-comes-from.md. */
  readonly trustForwardedFrom: readonly string[];
  readonly limits: {
    /** Open connections of clients and agents together, and of one source; for those of `trustForwardedFrom` only the first counts. */
    readonly connections: number;
    readonly connectionsPerSource: number;
    /** Requests per second of one agent to the hub, and how many it may make at once after a pause. */
    readonly agentRequestsPerSecond: number;
    readonly agentBurst: number;
    /** Bytes that one agent may write on the hub, and read of it, in a minute; four times as many at once after a pause. */
    readonly agentWrittenBytesPerMinute: number;
    readonly agentReadBytesPerMinute: number;
  };
}

export const proxyConfig = defineConfig<ProxyConfig>(
  {
    type: "object",
    required: ["tls"],
    properties: {
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      listen: LISTEN,
      tls: TLS,
      replicaId: { type: "string", pattern: "^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$", default: hostname().toLowerCase() },
      staleAfterSeconds: { type: "integer", minimum: 10, default: 300 },
      trustForwardedFrom: { type: "array", items: { type: "string", minLength: 1 }, default: [] },
      limits: {
        type: "object",
        default: {},
        properties: {
          connections: { type: "integer", minimum: 1, default: 20_000 },
          connectionsPerSource: { type: "integer", minimum: 1, default: 4_000 },
          agentRequestsPerSecond: { type: "integer", minimum: 1, default: 50 },
          agentBurst: { type: "integer", minimum: 1, default: 200 },
          agentWrittenBytesPerMinute: { type: "integer", minimum: 65_536, default: 1_048_576 },
          agentReadBytesPerMinute: { type: "integer", minimum: 65_536, default: 33_554_432 },
        },
      },
    },
  },
  ({ trustForwardedFrom }) => notAnAddress("trustForwardedFrom", trustForwardedFrom),
);
