// Puts the agent together: one connection to its own cluster, one to the hub, and between them the loops, each in its folder.
import { Gauge, type Registry } from "prom-client";
import { clusterNamespace } from "../lib/access/names.ts";
import { IMPERSONATOR, userAgent } from "../lib/components/components.ts";
import { probeClient } from "../lib/guards/probe.ts";
import { pause } from "../lib/kube/backoff.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { type Connection, connectionFromKubeconfig, endpointOf } from "../lib/kube/connection.ts";
import type { Log } from "../lib/kube/log.ts";
import { caFile } from "../lib/outbound/ca-file.ts";
import type { Authorities } from "../lib/outbound/trust.ts";
import { serveHealth } from "../lib/process/health.ts";
import type { Process } from "../lib/process/run.ts";
import pkg from "../package.json" with { type: "json" };
import { AccessLoop } from "./access/loop.ts";
import { StateStore } from "./access/state.ts";
import type { AgentConfig } from "./config.ts";
import { GuardLoop } from "./guards/loop.ts";
import { serviceAccountToken } from "./hub/serviceaccount-token.ts";
import { TokenSource } from "./hub/token.ts";
import { HubTransport } from "./hub/transport.ts";
import { patiently } from "./patiently.ts";
import { AuthClient, type HubToken } from "./registration/auth-client.ts";
import { type AgentKey, loadOrMakeKey } from "./registration/key.ts";
import { signIn } from "./registration/sign-in.ts";
import { beat } from "./report/heartbeat.ts";
import { Reporter } from "./report/reporter.ts";
import { isLongRunning, requestInfo } from "./streams/request-info.ts";
import { reviewAt } from "./streams/review.ts";
import { StreamTable } from "./streams/table.ts";
import { tearDown } from "./teardown/teardown.ts";
import { type Begun, Forwarder } from "./tunnel/forward.ts";
import { Tunnels } from "./tunnel/tunnels.ts";

/** How long a request to the hub waits for the first sign-in. */
const FIRST_TOKEN_MS = 5_000;

/** Runs until the signal aborts, or until the hub gave the cluster up and everything is removed. */
export async function runAgent({ config, log, metrics, signal: stop }: Process<AgentConfig>): Promise<void> {
  // Ends the loops, both when the agent is stopped and when a teardown begins.
  const work = new AbortController();
  const signal = AbortSignal.any([stop, work.signal]);
  const connection = await connectionFromKubeconfig(config.kubeconfig);
  const managed = new KubeClient(connection, { userAgent: userAgent("agent") });
  const ca = config.caFile === undefined ? undefined : caFile(config.caFile);
  const key = await patiently("load the key", () => loadOrMakeKey(managed, config.namespace, signal), log, signal);

  const tokens = hubTokens(config, ca, key, log, (fresh) => access.setClock(fresh.hubAheadMs));
  const hub = new KubeClient(new HubTransport(hubConnections(config, ca, tokens)), { userAgent: userAgent("agent") });
  const impersonator = serviceAccountToken(managed, config.namespace, IMPERSONATOR, log);
  const probe = probeClient(connection, managed);

  const streams = new StreamTable({ review: reviewAt(managed), signal });
  const teardown = Promise.withResolvers<void>();
  const guards: GuardLoop = new GuardLoop({
    managed,
    probe,
    log,
    onChange: () => {
      access.wake();
      reporter.wake();
    },
    onCorrected: (count) => access.addHealed(count),
  });
  const access: AccessLoop = new AccessLoop({
    cluster: config.cluster,
    namespace: config.namespace,
    hub,
    managed,
    store: new StateStore(managed, config.namespace, log),
    mayGrant: () => guards.enforced,
    onWithdrawn: () => void streams.recheck(),
    onReport: () => reporter.wake(),
    onTeardown: teardown.resolve,
    log,
  });
  const namespace = clusterNamespace(config.cluster);
  const reporter: Reporter = new Reporter({
    hub,
    managed,
    namespace,
    agentVersion: pkg.version,
    guards: () => guards.report,
    access: () => access.report,
    streams: () => ({ open: streams.size, ended: streams.ended }),
    log,
  });
  const forwarder = new Forwarder({
    ...endpointOf(connection),
    token: () => impersonator.get(),
    knowsGroup: (group) => access.knowsGroup(group),
    onBegin: (begun) => track(streams, begun),
    onRefused: (reason) => log.warn("refused a request from the tunnel", { reason }),
  });
  const tunnels = new Tunnels({
    proxyURLs: config.proxyURLs,
    ca,
    cluster: config.cluster,
    token: () => tokens.get(),
    onUnauthorized: (token) => tokens.reject(token),
    onStream: (stream) => forwarder.handle(stream),
    log,
  });
  exportMetrics(metrics, { access, streams, tunnels });
  const health = await serveHealth({
    ...config.health,
    metrics,
    checks: {
      access: () => access.settled || "what is known of access is not in effect yet",
      tunnel: () => tunnels.coverage.open > 0 || "no tunnel to any proxy",
    },
  });
  log.info("listening", { url: `http://${config.health.host}:${health.port}` });

  const beats = { hub, namespace, hubAheadMs: () => access.hubAheadMs, onUnauthorized: () => tokens.rejectCurrent() };
  const loops = [
    tokens.run(signal),
    impersonator.run(signal),
    guards.run(signal),
    access.run(signal),
    reporter.run(signal),
    tokens.ready.then(() => beat(beats, signal)),
    Promise.all([tokens.ready, impersonator.ready]).then(() => tunnels.run(signal)),
  ];
  const running = Promise.all(loops.map((loop) => loop.catch((error: unknown) => Promise.reject(signal.aborted ? undefined : error))));
  const given = await Promise.race([running.then(() => false), teardown.promise.then(() => true)]).catch((error: unknown) => {
    if (signal.aborted) return false;
    throw error;
  });
  if (given) {
    // The loops stop before anything is removed, or they would heal it; the token source goes on, to tell the hub.
    guards.stop();
    const steps = [
      (now: AbortSignal) => access.removeAll(now),
      (now: AbortSignal) => guards.removeAll(now),
      (now: AbortSignal) => reporter.tellTeardown(now),
    ];
    await tearDown({ cluster: config.cluster, namespace: config.namespace, managed, steps, log }, stop);
    work.abort();
  }
  await Promise.allSettled(loops);
  forwarder.close();
  await Promise.all([health.close(), hub.close(), managed.close(), probe.close()]);
}

function hubTokens(
  config: AgentConfig,
  ca: Authorities | undefined,
  key: AgentKey,
  log: Log,
  onFresh: (fresh: HubToken) => void,
): TokenSource<HubToken> {
  const auth = new AuthClient({ authURL: config.authURL, ca, cluster: config.cluster, key });
  const { registrationTokenFile } = config;
  return new TokenSource({ what: "hub token", obtain: (signal) => signIn({ auth, registrationTokenFile, log }, signal), log, onFresh });
}

function hubConnections(config: AgentConfig, ca: Authorities | undefined, tokens: TokenSource<HubToken>): Connection[] {
  const hubCA = config.hubCAFile === undefined ? ca : caFile(config.hubCAFile);
  const servers =
    config.hubURL === undefined
      ? config.proxyURLs.map((url) => `${url.replace(/\/+$/, "")}/agents/${config.cluster}/hub`)
      : [config.hubURL];
  const token = async (): Promise<string> => {
    // At the start requests come before the first sign-in is over; later a missing token is an error like any other.
    if (!tokens.hadOne) await Promise.race([tokens.ready.catch(() => {}), pause(FIRST_TOKEN_MS, new AbortController().signal)]);
    return tokens.get();
  };
  return servers.map((server) => ({ server, ...(hubCA === undefined ? {} : { ca: hubCA }), token }));
}

/** Long-running requests are in the table of open streams for as long as they are open. */
function track(streams: StreamTable, { head, groups, end }: Begun): () => void {
  const info = requestInfo(head.method, head.path);
  const upgrade = head.headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === "upgrade");
  if (!isLongRunning(info) && !upgrade) return () => {};
  return streams.add({ person: { user: head.user, uid: head.uid, groups, extra: head.extra }, info, upgrade, end });
}

function exportMetrics(
  metrics: Registry,
  { access, streams, tunnels }: { access: AccessLoop; streams: StreamTable; tunnels: Tunnels },
): void {
  const gauge = (name: string, help: string, value: () => number): void =>
    void new Gauge({ name, help, registers: [metrics], collect: collectFrom(value) });
  gauge("drover_agent_streams_open", "Long-running requests that are open.", () => streams.size);
  gauge("drover_agent_streams_ended", "Long-running requests ended because the right was gone.", () => streams.ended);
  gauge("drover_agent_tunnels_open", "Replicas of the proxy with an open tunnel.", () => tunnels.coverage.open);
  gauge("drover_agent_access_objects", "RBAC objects that the last known sets ask for.", () => access.report?.objects ?? 0);
  gauge("drover_agent_access_healed", "Objects mended since the agent was installed.", () => access.report?.healed ?? 0);
  gauge("drover_agent_access_refused", "Objects that the managed cluster refuses.", () => access.report?.refused.length ?? 0);
}

function collectFrom(value: () => number): (this: Gauge) => void {
  return function collect() {
    this.set(value());
  };
}
