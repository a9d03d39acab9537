// Creates the parts of a proxy and connects them.
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
import { AgentLimiter } from "./agents/agent-limiter.ts";
import { AgentTokens } from "./agents/agent-tokens.ts";
import { HubForwarder } from "./agents/hub-forwarder.ts";
import { HubKeys } from "./agents/hub-keys.ts";
import { TunnelEndpoint } from "./agents/tunnel-endpoint.ts";
import type { ProxyConfig } from "./config.ts";
import { RequestHandlers } from "./handlers.ts";
import { HubCache } from "./hub-cache.ts";
import { type Listener, listen } from "./listener.ts";
import { OpenRequests } from "./open-requests.ts";
import { checkTunnels } from "./readiness.ts";
import { Recorder } from "./record.ts";
import { Replicas } from "./replicas.ts";
import { Shares } from "./shares.ts";
import { Tunnels } from "./tunnels.ts";

export interface StartOptions {
  readonly config: ProxyConfig;
  readonly hub: KubeClient;
  /** Where the hub is, for requests of agents; its credentials are not used for those. */
  readonly connection: Connection;
  readonly log: Log;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
  /** Takes audit lines. */
  readonly write: (lines: string) => void;
}

export interface Started {
  /** Resolves when every cache that decisions need has been listed once. */
  readonly synced: Promise<void>;
  /** The readiness checks. */
  readonly checks: Readonly<Record<string, () => true | string>>;
  listen(certificate: Certificate): Promise<Listener>;
  close(timeoutMs: number): Promise<void>;
}

const EXPIRY_EVERY_MS = 1_000;
/** Per user: a controller that restarts its informers cancels thousands of requests at once; none does so all the time. */
const CANCELLED_BURST = 5_000;
const CANCELLED_PER_SECOND = 50;
/** What all tunnels together may buffer that is not read; as much again may wait in the buffers of clients. */
const UNREAD_BYTES = 128 * 1024 * 1024;

export function startProxy({ config, hub, connection, log, metrics, signal, write }: StartOptions): Started {
  const staleAfterMs = config.staleAfterSeconds * 1000;
  const cache = new HubCache(hub, log);
  const tunnels = new Tunnels();
  const budget = new ByteBudget(UNREAD_BYTES);
  const open = new OpenRequests(cache, (refusal) => recorder.ended(refusal.code));
  const recorder: Recorder = new Recorder(
    metrics,
    {
      openRequests: () => open.count,
      tunnels: () => tunnels.count,
      bufferedBytes: () => tunnels.bufferedBytes,
      staleSeconds: () => cache.staleForMs() / 1000,
    },
    write,
  );
  const hasCluster = (cluster: string): boolean => cache.cluster(cluster) !== undefined;
  const reviews = new KubeClient(connection, { userAgent: userAgent("proxy") });
  const keyOnRecord = (cluster: string): string | undefined => cache.agentKey(cluster);
  const tokens = new AgentTokens({ hub: reviews, keys: new HubKeys(reviews), hasCluster, keyOnRecord });
  const hubForwarder = new HubForwarder({ hub: connection, tokens, limits: new AgentLimiter(config.limits) });
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
    ...{ hub: cache, tunnels, open, recorder, hubForwarder, tunnelEndpoint },
    ...{ trusted: balancers, staleAfterMs, shares: new Shares(defaultTunnelConfig.maxStreams) },
    cancelled: new RateLimiter(CANCELLED_BURST, CANCELLED_PER_SECOND),
  });
  const expiry = setInterval(() => open.endExpired(Date.now()), EXPIRY_EVERY_MS);
  endAccess(cache, { open, tunnels, hubForwarder });
  let listener: Listener | undefined;
  let listeningSince: number | undefined;
  let renewing: Promise<void> | undefined;
  return {
    synced: cache.start(signal),
    checks: {
      ...Object.fromEntries(cache.all.map((one) => [one.kind.kind, () => one.hasSynced || "the first list is not there yet"])),
      hub: () => cache.staleForMs() <= staleAfterMs || "the hub has not answered for too long",
      tunnels: tunnelsCheck(cache, tunnels, () => listeningSince),
    },
    listen: async (certificate) => {
      const { connections: all, connectionsPerSource: perSource } = config.limits;
      const limits = { all, perSource, standsForMany: (address: string) => isListed(address, balancers) };
      listener = await listen({ ...config.listen, limits }, certificate, proxy);
      listeningSince = performance.now();
      // Agents dial as soon as they receive the name of this replica.
      renewing = replicas.run(signal);
      return listener;
    },
    close: async (timeoutMs) => {
      clearInterval(expiry);
      await renewing;
      await Promise.all([replicas.leave(), listener?.close(timeoutMs), tunnels.drain("the proxy is stopping", timeoutMs)]);
      hubForwarder.close();
      await reviews.close();
      recorder.close();
    },
  };
}

interface Endable {
  readonly open: OpenRequests;
  readonly tunnels: Tunnels;
  readonly hubForwarder: HubForwarder;
}

/** Ends whatever a change on the hub no longer allows. */
function endAccess(cache: HubCache, { open, tunnels, hubForwarder }: Endable): void {
  cache.onChange({
    user: (name) => open.reevaluateUser(name),
    cluster: (name) => {
      open.reevaluateCluster(name);
      if (cache.cluster(name) === undefined) tunnels.destroy(name);
    },
    everybody: () => open.reevaluateAll(),
    agent: (cluster) => {
      tunnels.destroy(cluster);
      hubForwarder.cut(cluster);
    },
  });
}

/** A readiness check that matters only at the start: an agent that disconnects later is no reason to send users away from this replica. */
function tunnelsCheck(cache: HubCache, tunnels: Tunnels, listeningSince: () => number | undefined): () => true | string {
  let passed = false;
  return () => {
    if (passed) return true;
    const since = listeningSince();
    if (since === undefined) return "not listening yet";
    const listeningForMs = performance.now() - since;
    const answer = checkTunnels({ connected: cache.connectedClusters(), hasTunnel: (name) => tunnels.has(name), listeningForMs });
    passed = answer === true;
    return answer;
  };
}
