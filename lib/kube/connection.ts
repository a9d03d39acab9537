import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { load } from "js-yaml";
import type { Connection } from "./transport.ts";

export type { Connection } from "./transport.ts";

/** How long a token read from a file is used before the file is read again. */
const TOKEN_FILE_MS = 5_000;

/**
 * The connection that a kubeconfig describes. Without a path: $KUBECONFIG (several files are merged, the first one wins), then
 * ~/.kube/config, then the ServiceAccount of the pod. All of client-node's ways to authenticate work; certificates and token files are
 * read again as they rotate. Throws an Error with one readable line when there is nothing usable.
 */
export async function connectionFromKubeconfig(path?: string, context?: string): Promise<Connection> {
  const { config, tokenFiles } = await loaded(path);
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  const where = path ?? "the kubeconfig";
  if (!cluster?.server) throw new Error(`${where}: context "${config.getCurrentContext() ?? ""}" names no cluster with a server`);
  if (cluster.skipTLSVerify)
    throw new Error(`${where}: cluster "${cluster.name}" has insecure-skip-tls-verify; give it certificate-authority-data instead`);
  if (cluster.proxyUrl) throw new Error(`${where}: cluster "${cluster.name}" has a proxy-url, which Drover does not support`);
  if (!cluster.server.startsWith("https:"))
    throw new Error(`${where}: cluster "${cluster.name}" is not reached over https: ${cluster.server}`);

  const first = await options(config);
  const tokenFile = tokenFiles.get(user?.name ?? "") ?? (user?.authProvider?.config?.tokenFile as string | undefined);
  const rotates = Boolean(user?.exec ?? user?.certFile ?? user?.keyFile);
  return {
    server: cluster.server,
    ...(first.ca ? { ca: String(first.ca) } : {}),
    ...(cluster.tlsServerName ? { serverName: cluster.tlsServerName } : {}),
    ...(user?.impersonateUser ? { headers: { "impersonate-user": user.impersonateUser } } : {}),
    ...(first.cert && first.key && !rotates ? { cert: String(first.cert), key: String(first.key) } : {}),
    ...(rotates ? { certificate: async () => certificateOf(await options(config)) } : {}),
    token: tokenFile !== undefined ? tokenFrom(tokenFile) : tokenOf(config, Boolean(user?.exec ?? user?.authProvider), bearer(first)),
  };
}

/** The kubeconfig, and the token files of its users: client-node does not know kubeconfig's own `tokenFile`. */
async function loaded(path: string | undefined): Promise<{ config: KubeConfig; tokenFiles: Map<string, string> }> {
  const config = new KubeConfig();
  const tokenFiles = new Map<string, string>();
  const files = path !== undefined ? [path] : defaultFiles();
  if (files.length === 0) {
    if (process.env.KUBERNETES_SERVICE_HOST === undefined) throw new Error("no kubeconfig: give one, set KUBECONFIG, or run in a pod");
    config.loadFromCluster();
    return { config, tokenFiles };
  }
  for (const [index, file] of files.entries()) {
    const text = await readFile(file, "utf8");
    if (index === 0) config.loadFromFile(file);
    else merge(config, file);
    const raw = load(text) as { users?: { name: string; user?: { tokenFile?: string } }[] } | undefined;
    for (const { name, user } of raw?.users ?? []) {
      if (user?.tokenFile && !tokenFiles.has(name)) tokenFiles.set(name, resolve(dirname(file), user.tokenFile));
    }
  }
  return { config, tokenFiles };
}

function defaultFiles(): string[] {
  const named = (process.env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  if (named.length > 0) return named.filter((file) => existsSync(file));
  const own = join(homedir(), ".kube", "config");
  return existsSync(own) ? [own] : [];
}

function merge(config: KubeConfig, file: string): void {
  const more = new KubeConfig();
  more.loadFromFile(file);
  for (const cluster of more.getClusters()) if (!config.getCluster(cluster.name)) config.addCluster(cluster);
  for (const user of more.getUsers()) if (!config.getUser(user.name)) config.addUser(user);
  for (const context of more.getContexts()) if (!config.getContextObject(context.name)) config.addContext(context);
  if (!config.getCurrentContext()) config.setCurrentContext(more.getCurrentContext());
}

async function options(config: KubeConfig): Promise<RequestOptions> {
  const found: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(found);
  return found;
}

function bearer(found: RequestOptions): string | undefined {
  const header = (found.headers as Record<string, string | undefined> | undefined)?.Authorization;
  return header?.replace(/^Bearer /, "").trim();
}

function certificateOf(found: RequestOptions): { cert: string; key: string } | undefined {
  return found.cert && found.key ? { cert: String(found.cert), key: String(found.key) } : undefined;
}

function tokenOf(config: KubeConfig, changes: boolean, first: string | undefined): () => Promise<string | undefined> {
  return changes ? async () => bearer(await options(config)) : async () => first;
}

/** A file that cannot be read for a moment (it is being replaced) leaves the last token in use. */
export function tokenFrom(file: string, now: () => number = () => performance.now()): () => Promise<string> {
  let last: { token: string; at: number } | undefined;
  return async () => {
    if (last !== undefined && now() - last.at < TOKEN_FILE_MS) return last.token;
    try {
      const token = (await readFile(file, "utf8")).trim();
      if (token !== "" || last === undefined) last = { token, at: now() };
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last.token;
  };
}
