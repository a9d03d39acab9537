// auth: login, tokens, registration of agents. Any number of these may run; they share nothing but the hub.
import type { AddressInfo } from "node:net";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { Cluster } from "../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import { userAgent } from "../lib/components/components.ts";
import { Cache } from "../lib/kube/cache.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../lib/kube/connection.ts";
import { serveHealth } from "../lib/process/health.ts";
import { type Process, runProcess } from "../lib/process/run.ts";
import { listOf } from "../lib/server/addresses.ts";
import { type Certificate, readCertificate, reloadCertificate } from "../lib/server/certificate.ts";
import { RateLimiter } from "../lib/server/rate.ts";
import { NonceStore } from "./agents/nonce-store.ts";
import { Audit } from "./audit.ts";
import { type AuthConfig, authConfig } from "./config.ts";
import type { Context } from "./context.ts";
import { LoginLimiter } from "./login/limiter.ts";
import { PasswordQueue } from "./login/password-queue.ts";
import { createServer } from "./server.ts";
import { TokenLimiter } from "./token-limiter.ts";

await runProcess("auth", main, authConfig);

async function main({ config, log, metrics, signal }: Process<AuthConfig>): Promise<void> {
  const hub = new KubeClient(await connectionFromKubeconfig(config.kubeconfig), { userAgent: userAgent("auth"), timeoutMs: 10_000 });
  const now = (): Date => new Date();
  const context: Context = {
    config,
    hub,
    providers: new Cache(hub, AuthProvider, { log }),
    clusters: new Cache(hub, Cluster, { log }),
    members: new Cache(hub, ClusterMembers, { log }),
    logins: new LoginLimiter(),
    // A thousand agents behind one address may all reconnect at once.
    agentSources: new RateLimiter(3000, 50),
    agents: new RateLimiter(30, 1),
    tokenLimiter: new TokenLimiter(300, 20),
    passwords: new PasswordQueue(),
    nonces: new NonceStore(hub, now),
    audit: new Audit(log, metrics),
    balancers: listOf(config.trustForwardedFrom),
    now,
  };
  const caches = [context.providers, context.clusters, context.members];
  for (const cache of caches) cache.start(signal);
  const health = await serveHealth({
    ...config.health,
    metrics,
    checks: Object.fromEntries(caches.map((cache) => [cache.kind.kind, () => cache.hasSynced || "the first list is not there yet"])),
  });
  log.info("health", { url: `http://${config.health.host}:${health.port}` });
  await Promise.all(caches.map(({ synced }) => synced));

  const certificate = await readCertificate(config.tls);
  const { perSource, all } = config.connections;
  const server = createServer(context, { ...certificate, connectionsPerSource: perSource, connections: all }, log);
  // A copy: fastify writes into what it is given, and the configuration is frozen.
  await server.listen({ ...config.listen });
  log.info("listening", { url: `https://${config.listen.host}:${(server.server.address() as AddressInfo).port}` });
  const use = (renewed: Certificate) => server.server.setSecureContext({ ...renewed, minVersion: "TLSv1.2" });
  await reloadCertificate({ files: config.tls, current: certificate, use, log, signal });
  await server.close();
  await health.close();
  await hub.close();
}
