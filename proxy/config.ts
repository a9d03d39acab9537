// The configuration of the proxy. Unknown keys and contradictions stop the start.
import { hostname } from "node:os";
import { type ConfigOf, defineConfig, HEALTH, LISTEN, TLS } from "../lib/process/config.ts";
import { notAnAddress } from "../lib/server/addresses.ts";

export type ProxyConfig = ConfigOf<typeof proxyConfig>;

export const proxyConfig = defineConfig(
  {
    type: "object",
    required: ["tls"],
    properties: {
      /** Absent: as a pod, or $KUBECONFIG. */
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      /** Port 0: the operating system chooses; the log line "listening" says which. */
      listen: LISTEN,
      /** PEM files; read again when they change. */
      tls: TLS,
      /** Different for each replica: the name of its Lease, by which agents tell replicas apart. Default: the host name, which differs between pods. */
      replicaId: { type: "string", pattern: "^[a-z0-9]([-.a-z0-9]{0,61}[a-z0-9])?$", default: hostname().toLowerCase() },
      /** How long the hub may not answer before everybody is refused. */
      staleAfterSeconds: { type: "integer", minimum: 10, default: 300 },
      /** Addresses or CIDRs of load balancers: their X-Forwarded-For is trusted, and the client that it names is the source; see docs/decisions/0015-where-a-request-comes-from.md. */
      trustForwardedFrom: { type: "array", items: { type: "string", minLength: 1 }, default: [] },
      limits: {
        type: "object",
        default: {},
        properties: {
          /** Open connections of clients and agents together, and of one source; for those of `trustForwardedFrom` only the first counts. */
          connections: { type: "integer", minimum: 1, default: 20_000 },
          connectionsPerSource: { type: "integer", minimum: 1, default: 4_000 },
          /** Requests per second of one agent to the hub, and how many it may make at once after a pause. */
          agentRequestsPerSecond: { type: "integer", minimum: 1, default: 50 },
          agentBurst: { type: "integer", minimum: 1, default: 200 },
          /** Bytes that one agent may write on the hub, and read of it, in a minute; four times as many at once after a pause. */
          agentWrittenBytesPerMinute: { type: "integer", minimum: 65_536, default: 1_048_576 },
          agentReadBytesPerMinute: { type: "integer", minimum: 65_536, default: 33_554_432 },
        },
      },
    },
  },
  ({ trustForwardedFrom }) => notAnAddress("trustForwardedFrom", trustForwardedFrom),
);
