// The parts of a proxy and how they are joined.

import type { Registry } from "prom-client";
import { userAgent } from "../lib/components/components.ts";
import { type Connection, KubeClient } from "../lib/kube/client.ts";
import type { Log } from "../lib/kube/log.ts";
import { isListed, listOf } from "../lib/server/addresses.ts";
import type { Certificate } from "../lib/server/certificate.ts";
import { RateLimiter } from "../lib/server/rate.ts";
import { ByteBudget } from "../lib/tunnel/budget.ts";
import { defaultTunnelConfig } from "../lib/tunnel/config.ts";
import { DIALS_BURST, DIALS_PER_SECOND } from "../lib/tunnel/handshake.ts";
import { AgentTokens } from "./agents/agent-tokens.ts";
import { AgentBounds } from "./agents/bounds.ts";
import { HubForwarder } from "./agents/hub-forwarder.ts";
import { HubKeys } from "./agents/hub-keys.ts";
import { TunnelEndpoint } from "./agents/tunnel-endpoint.ts";
import type { ProxyConfig } from "./config.ts";
import { RequestHandlers } from "./handlers.ts";
import { HubCache } from "./hub-cache.ts";
import { type Listener, listen } from "./listener.ts";
import { OpenRequests } from "./open-requests.ts";
import { tunnelsAreThere } from "./readiness.ts";
import { Recorder } from "./record.ts";
import { Replicas } from "./replicas.ts";
import { Shares } from "./shares.ts";
import { Tunnels } from "./tunnels.ts";

export interface StartOptions {
  readonly config: ProxyConfig;
  readonly hub: KubeClient;
  /** Where the hub is, for what agents ask of it; none of its credentials is used for that. */
  readonly connection: Connection;
  readonly log: Log;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
  /** Takes audit lines. */
  readonly write: (lines: string) => void;
}

export interface Started {
  /** Resolves when everything that decisions need was listed once. */
  readonly synced: Promise<void>;
  /** What readiness hangs on. */
  readonly checks: Readonly<Record<string, () => true | string>>;
  listen(certificate: Certificate): Promise<Listener>;
  close(timeoutMs: number): Promise<void>;
}

const EXPIRY_EVERY_MS = 1_000;
/** Of one user: a controller that restarts its informers cancels thousands at once, none does so all the time. */
const CANCELLED_BURST = 5_000;
const CANCELLED_PER_SECOND = 50;
/** What all tunnels may hold that nobody reads; as much again may wait in the buffers of clients. */
const UNREAD_BYTES = 128 * 1024 * 1024;

export function startProxy({ config, hub, connection, log, metrics, signal, write }: StartOptions): Started {
  const staleAfterMs = config.staleAfterSeconds * 1000;
  const known = new HubCache(hub, log);
  const tunnels = new Tunnels();
  const budget = new ByteBudget(UNREAD_BYTES);
  const open = new OpenRequests(known, (because) => recorder.ended(because.code));
  const recorder: Recorder = new Recorder(
    metrics,
    {
      openRequests: () => open.count,
      tunnels: () => tunnels.count,
      bufferedBytes: () => tunnels.bufferedBytes,
      staleSeconds: () => known.staleForMs() / 1000,
    },
    write,
  );
  const hasCluster = (cluster: string): boolean => known.cluster(cluster) !== undefined;
  const reviews = new KubeClient(connection, { userAgent: userAgent("proxy") });
  const keyOnRecord = (cluster: string): string | undefined => known.agentKey(cluster);
  const tokens = new AgentTokens({ hub: reviews, keys: new HubKeys(reviews), hasCluster, keyOnRecord });
  const hubForwarder = new HubForwarder({ hub: connection, tokens, bounds: new AgentBounds(config.limits) });
  const { replicaId } = config;
  const replicas = new Replicas(hub, replicaId, log);
  replicas.onChange((names) => tunnels.announce(names));
  const tunnelEndpoint = new TunnelEndpoint({
    ...{ tokens, tunnels, budget, replicaId },
    replicas: () => replicas.names,
    rate: new RateLimiter(DIALS_BURST, DIALS_PER_SECOND),
  });
  const balancers = listOf(config.trustForwardedFrom);
  const proxy = new RequestHandlers({
    ...{ hub: known, tunnels, open, recorder, hubForwarder, tunnelEndpoint },
    ...{ trusted: balancers, staleAfterMs, shares: new Shares(defaultTunnelConfig.maxStreams) },
    cancelled: new RateLimiter(CANCELLED_BURST, CANCELLED_PER_SECOND),
  });
  const expiry = setInterval(() => open.endExpired(Date.now()), EXPIRY_EVERY_MS);
  known.onChange({
    user: (name) => open.reevaluateUser(name),
    cluster: (name) => {
      open.reevaluateCluster(name);
      if (!hasCluster(name)) tunnels.destroy(name);
    },
    everybody: () => open.reevaluateAll(),
    agent: (cluster) => {
      tunnels.destroy(cluster);
      hubForwarder.cut(cluster);
    },
  });
  let listener: Listener | undefined;
  let listeningSince: number | undefined;
  let arrived = false;
  let keeping: Promise<void> | undefined;
  // Only at the beginning: agents that leave later are no reason to send people away from this replica.
  const tunnelsCheck = (): true | string => {
    if (arrived) return true;
    if (listeningSince === undefined) return "not listening yet";
    const listeningForMs = performance.now() - listeningSince;
    const answer = tunnelsAreThere({ connected: known.connectedClusters(), hasTunnel: (name) => tunnels.has(name), listeningForMs });
    arrived = answer === true;
    return answer;
  };
  return {
    synced: known.start(signal),
    checks: {
      ...Object.fromEntries(known.all.map((cache) => [cache.kind.kind, () => cache.hasSynced || "the first list is not there yet"])),
      hub: () => known.staleForMs() <= staleAfterMs || "the hub has been silent for too long",
      tunnels: tunnelsCheck,
    },
    listen: async (certificate) => {
      const { connections: all, connectionsPerSource: perSource } = config.limits;
      const bounds = { all, perSource, standsForMany: (address: string) => isListed(address, balancers) };
      listener = await listen({ ...config.listen, bounds }, certificate, proxy);
      listeningSince = performance.now();
      // Agents dial as soon as they hear of this replica.
      keeping = replicas.run(signal);
      return listener;
    },
    close: async (timeoutMs) => {
      clearInterval(expiry);
      await keeping;
      await Promise.all([replicas.leave(), listener?.close(timeoutMs), tunnels.drain("the proxy is stopping", timeoutMs)]);
      hubForwarder.close();
      await reviews.close();
      recorder.close();
    },
  };
}
