// proxy: the way of users to the clusters, and of agents to the hub. Any number of replicas may run; they share nothing but the hub.
import { userAgent } from "../lib/components/components.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { connectionFromKubeconfig } from "../lib/kube/connection.ts";
import { serveHealth } from "../lib/process/health.ts";
import { standardOutput } from "../lib/process/output.ts";
import { type Process, runProcess } from "../lib/process/run.ts";
import { type Certificate, readCertificate, reloadCertificate } from "../lib/server/certificate.ts";
import { type ProxyConfig, proxyConfig } from "./config.ts";
import { startProxy } from "./start.ts";

/** How long a stop waits for open requests. Watches and streams are then cut, and their clients connect to another replica. */
const TIMEOUT_MS = 1_500;

await runProcess("proxy", main, proxyConfig);

async function main({ config, log, metrics, signal }: Process<ProxyConfig>): Promise<void> {
  const connection = await connectionFromKubeconfig(config.kubeconfig);
  const hub = new KubeClient(connection, { userAgent: userAgent("proxy"), timeoutMs: 10_000 });
  const certificate = await readCertificate(config.tls);
  const proxy = startProxy({ config, hub, connection, log, metrics, signal, write: (lines) => standardOutput.write(lines) });
  const health = await serveHealth({ ...config.health, metrics, checks: proxy.checks });
  log.info("health", { url: `http://${config.health.host}:${health.port}` });
  await proxy.synced;
  const listener = await proxy.listen(certificate);
  log.info("listening", { url: `https://${config.listen.host}:${listener.port}` });
  const use = (renewed: Certificate) => listener.use(renewed);
  await reloadCertificate({ files: config.tls, current: certificate, use, log, signal });
  await proxy.close(TIMEOUT_MS);
  await health.close();
  await hub.close();
}
