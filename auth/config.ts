// The configuration of auth. Unknown keys and contradictions stop the start.

import { type ConfigOf, defineConfig, HEALTH, LISTEN, TLS } from "../lib/process/config.ts";
import { notAnAddress } from "../lib/server/addresses.ts";

export type AuthConfig = ConfigOf<typeof authConfig>;

export const authConfig = defineConfig(
  {
    type: "object",
    required: ["tls", "proxyURL"],
    properties: {
      /** Absent: as a pod, or $KUBECONFIG. */
      kubeconfig: { type: "string", minLength: 1 },
      health: HEALTH,
      /** Port 0: the operating system chooses; the log line "listening" says which. */
      listen: LISTEN,
      /** PEM files; read again when they change. */
      tls: TLS,
      /** The URL under which users reach the proxy; `/.well-known/drover` names it. */
      proxyURL: { type: "string", pattern: "^https://[^/?#]+(/[^?#]*[^/?#])?$" },
      tokenTTLSeconds: {
        type: "object",
        default: {},
        properties: {
          default: { type: "integer", minimum: 60, default: 43_200 },
          max: { type: "integer", minimum: 60, default: 604_800 },
        },
      },
      /** How long the hub may not answer before lists made from caches are refused. */
      staleAfterSeconds: { type: "integer", minimum: 10, default: 300 },
      /** Addresses or CIDRs of load balancers: their X-Forwarded-For is trusted, and the client that it names is the source; see docs/decisions/0015-where-a-request-comes-from.md. */
      trustForwardedFrom: { type: "array", items: { type: "string", minLength: 1 }, default: [] },
      /** Open connections: of one source, and of all together; for those of `trustForwardedFrom` only the second counts. */
      connections: {
        type: "object",
        default: {},
        properties: {
          perSource: { type: "integer", minimum: 1, default: 512 },
          all: { type: "integer", minimum: 1, default: 20_000 },
        },
      },
    },
  },
  ({ tokenTTLSeconds: ttl, connections, trustForwardedFrom }) => {
    if (ttl.default > ttl.max) return `"tokenTTLSeconds.default" (${ttl.default}) is more than "tokenTTLSeconds.max" (${ttl.max})`;
    if (connections.perSource > connections.all) return '"connections.perSource" is more than "connections.all"';
    return notAnAddress("trustForwardedFrom", trustForwardedFrom);
  },
);
