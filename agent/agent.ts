// Puts the agent together: one connection to its own cluster, one to the hub, and between them the reconcilers, the guards and the tunnels.
import { Gauge, type Registry } from "prom-client";
import { IMPERSONATOR, userAgent } from "../lib/components/components.ts";
import { probeClient } from "../lib/guards/probe.ts";
import { pause, retry } from "../lib/kube/backoff.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { type Connection, connectionFromKubeconfig, endpointOf } from "../lib/kube/connection.ts";
import { describe, type Log } from "../lib/kube/log.ts";
import { caFile } from "../lib/outbound/ca-file.ts";
import type { Authorities } from "../lib/outbound/trust.ts";
import { serveHealth } from "../lib/process/health.ts";
import type { Process } from "../lib/process/run.ts";
import { startReconcilers } from "../lib/reconcile/manager.ts";
import pkg from "../package.json" with { type: "json" };
import { AccessMemory } from "./access/memory.ts";
import { StateStore } from "./access/state.ts";
import type { AgentConfig } from "./config.ts";
import { Guards } from "./guards/guards.ts";
import { serviceAccountToken } from "./hub/serviceaccount-token.ts";
import { TokenSource } from "./hub/token.ts";
import { HubTransport } from "./hub/transport.ts";
import { managerOptions } from "./reconcilers.ts";
import { AuthClient, type HubToken } from "./registration/auth-client.ts";
import { type AgentKey, loadOrMakeKey } from "./registration/key.ts";
import { signIn } from "./registration/sign-in.ts";
import { isLongRunning, requestInfo } from "./streams/request-info.ts";
import { reviewAt } from "./streams/review.ts";
import { StreamTable } from "./streams/table.ts";
import { tearDown } from "./teardown/teardown.ts";
import { type Begun, Forwarder } from "./tunnel/forward.ts";
import { Tunnels } from "./tunnel/tunnels.ts";

/** How long a request to the hub waits for the first sign-in. */
const FIRST_TOKEN_MS = 5_000;
const START_BACKOFF = { baseMs: 250, capMs: 10_000 };

/** Runs until the signal aborts, or until the hub gave the cluster up and everything is removed. */
export async function runAgent({ config, log, metrics, signal: stop }: Process<AgentConfig>): Promise<void> {
  // Ends the parts, both when the agent is stopped and when a teardown is done.
  const work = new AbortController();
  const signal = AbortSignal.any([stop, work.signal]);
  const { cluster, namespace } = config;
  const connection = await connectionFromKubeconfig(config.kubeconfig);
  const managed = new KubeClient(connection, { userAgent: userAgent("agent") });
  const ca = config.caFile === undefined ? undefined : caFile(config.caFile);
  const attempt = <T>(what: string, step: () => Promise<T>): Promise<T> =>
    retry(step, { backoff: START_BACKOFF, signal, onError: (error) => log.warn(`cannot ${what}`, { error: describe(error) }) });
  const key = await attempt("load the key", () => loadOrMakeKey(managed, namespace, signal));
  const store = new StateStore(managed, namespace, log);
  const memory = new AccessMemory();
  memory.restore(await attempt("read the agent's own copy of the access", () => store.load(signal)));

  const tokens = hubTokens(config, ca, key, log, ({ hubAheadMs }) => memory.setClock(hubAheadMs));
  const hub = new KubeClient(new HubTransport(hubConnections(config, ca, tokens)), { userAgent: userAgent("agent") });
  const impersonator = serviceAccountToken(managed, namespace, IMPERSONATOR, log);
  const probe = probeClient(connection, managed);

  const streams = new StreamTable({ review: reviewAt(managed), signal });
  const guards = new Guards({ probe, log });
  const options = managerOptions({ cluster, agentVersion: pkg.version, hub, managed, memory, store, guards, streams, log });
  const manager = startReconcilers({ ...options, metrics, signal });
  const forwarder = new Forwarder({
    ...endpointOf(connection),
    token: () => impersonator.get(),
    knowsGroup: (group) => memory.hasGroup(group),
    onBegin: (begun) => track(streams, begun),
    onRefused: (reason) => log.warn("refused a request from the tunnel", { reason }),
  });
  const tunnels = new Tunnels({
    proxyURLs: config.proxyURLs,
    ca,
    cluster,
    token: () => tokens.get(),
    onUnauthorized: (token) => tokens.reject(token),
    onStream: (stream) => forwarder.handle(stream),
    log,
  });
  exportMetrics(metrics, { memory, streams, tunnels });
  const health = await serveHealth({
    ...config.health,
    metrics,
    checks: {
      access: () => memory.settled || "the last-known-good access is not in effect yet",
      tunnel: () => tunnels.coverage.open > 0 || "no tunnel to any proxy",
    },
  });
  log.info("listening", { url: `http://${config.health.host}:${health.port}` });

  const parts = [
    manager.done,
    tokens.run(signal),
    impersonator.run(signal),
    guards.run(signal),
    Promise.all([tokens.ready, impersonator.ready]).then(() => tunnels.run(signal)),
    tearDown({ cluster, namespace, managed, teardown: memory.teardown, log }, signal).then(() => work.abort()),
  ];
  // What ends because it is to end is no failure.
  await Promise.all(parts).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  await Promise.allSettled(parts);
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
  const onUnauthorized = (): void => tokens.rejectCurrent();
  return servers.map((server) => ({ server, ...(hubCA === undefined ? {} : { ca: hubCA }), token, onUnauthorized }));
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
  { memory, streams, tunnels }: { memory: AccessMemory; streams: StreamTable; tunnels: Tunnels },
): void {
  const gauge = (name: string, help: string, value: () => number): void =>
    void new Gauge({ name, help, registers: [metrics], collect: collectFrom(value) });
  const report = () => memory.report.value;
  gauge("drover_agent_streams_open", "Long-running requests that are open.", () => streams.size);
  gauge("drover_agent_streams_ended", "Long-running requests ended because the permission was gone.", () => streams.ended);
  gauge("drover_agent_tunnels_open", "Replicas of the proxy with an open tunnel.", () => tunnels.coverage.open);
  gauge("drover_agent_access_objects", "RBAC objects that the AccessSets ask for.", () => report()?.objects ?? 0);
  gauge("drover_agent_access_corrected", "Objects whose drift was corrected since the agent was installed.", () => memory.corrected.value);
  gauge("drover_agent_access_refused", "Objects that the managed cluster refuses.", () => report()?.refused.length ?? 0);
}

function collectFrom(value: () => number): (this: Gauge) => void {
  return function collect() {
    this.set(value());
  };
}
