// Makes a Connection from a kubeconfig, or from the pod's ServiceAccount. Files are read again as they rotate.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { caFile } from "../outbound/ca-file.ts";
import { ExecPlugin } from "./exec-plugin.ts";
import {
  type Impersonation,
  mergeKubeconfigs,
  type PemSource,
  parseKubeconfig,
  type ResolvedContext,
  resolveContext,
} from "./kubeconfig.ts";
import type { Connection } from "./transport.ts";

export type { Connection } from "./transport.ts";

/** The address of the API server and the route to it, without credentials. */
export function endpointOf({
  server,
  ca,
  serverName,
  proxyURL,
}: Connection): Pick<Connection, "server" | "ca" | "serverName" | "proxyURL"> {
  return {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(proxyURL === undefined ? {} : { proxyURL }),
  };
}

/** How long a token read from a file is used before the file is read again. */
const TOKEN_FILE_MS = 5_000;
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The connection that a kubeconfig describes. Without a path: $KUBECONFIG (several files are merged, the first one wins), then
 * ~/.kube/config, then the ServiceAccount of the pod. Files with authorities, certificates and tokens are read again as they rotate. Throws an
 * Error with a one-line message when there is nothing usable, or when a field is not supported.
 */
export async function connectionFromKubeconfig(path?: string, context?: string): Promise<Connection> {
  const files = path !== undefined ? [path] : defaultFiles();
  if (files.length === 0) return inCluster();
  const configs = await Promise.all(files.map(async (file) => parseKubeconfig(await readFile(file, "utf8"), file)));
  let resolved: ResolvedContext;
  try {
    resolved = resolveContext(mergeKubeconfigs(configs), context);
  } catch (error) {
    throw new Error(`${files.join(", ")}: ${(error as Error).message}`);
  }
  return connectionOf(resolved);
}

function connectionOf(resolved: ResolvedContext): Connection {
  const { server, serverName, proxyURL, token, tokenFile, certificate, exec, impersonate } = resolved;
  const ca = resolved.ca === undefined ? undefined : "file" in resolved.ca ? caFile(resolved.ca.file) : resolved.ca.pem;
  const base = {
    server,
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { serverName }),
    ...(proxyURL === undefined ? {} : { proxyURL }),
    ...(impersonate === undefined ? {} : { headers: impersonationHeaders(impersonate) }),
  };
  if (exec !== undefined) {
    const plugin = new ExecPlugin(exec, () => ({
      server,
      ...(serverName === undefined ? {} : { "tls-server-name": serverName }),
      ...(ca === undefined ? {} : { "certificate-authority-data": Buffer.from(typeof ca === "string" ? ca : ca()).toString("base64") }),
      ...(proxyURL === undefined ? {} : { "proxy-url": proxyURL }),
    }));
    return {
      ...base,
      token: async () => (await plugin.credential()).token,
      certificate: async () => (await plugin.credential()).certificate,
      onUnauthorized: () => plugin.reject(),
    };
  }
  return {
    ...base,
    ...(tokenFile !== undefined ? { token: tokenFromFile(tokenFile, token) } : token !== undefined ? { token: async () => token } : {}),
    ...(certificate === undefined ? {} : certificateOf(certificate)),
  };
}

/** Impersonate-Group and Impersonate-Extra are repeated for each value; values are the bytes of UTF-8. */
function impersonationHeaders({ user, uid, groups, extra }: Impersonation): Record<string, string | string[]> {
  const bytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
  const name = (key: string): string => [...Buffer.from(key, "utf8")].map((byte) => escaped(String.fromCharCode(byte), byte)).join("");
  const extras = Object.entries(extra).map(([key, values]) => [`impersonate-extra-${name(key)}`, values.map(bytes)] as const);
  return {
    "impersonate-user": bytes(user),
    ...(uid === "" ? {} : { "impersonate-uid": bytes(uid) }),
    ...(groups.length === 0 ? {} : { "impersonate-group": groups.map(bytes) }),
    ...Object.fromEntries(extras.filter(([, values]) => values.length > 0)),
  };
}

/** Percent-encodes what a header name may not contain, and the percent sign, as API servers decode it. */
const escaped = (character: string, byte: number): string =>
  /[-!#$&'*+.^_`|~0-9A-Za-z]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;

function certificateOf({ cert, key }: { cert: PemSource; key: PemSource }): Pick<Connection, "cert" | "key" | "certificate"> {
  if ("pem" in cert && "pem" in key) return { cert: cert.pem, key: key.pem };
  const read = async (pemSource: PemSource): Promise<string> =>
    "pem" in pemSource ? pemSource.pem : await readFile(pemSource.file, "utf8");
  return {
    certificate: async () => {
      const [certPEM, keyPEM] = await Promise.all([read(cert), read(key)]);
      return { cert: certPEM, key: keyPEM };
    },
  };
}

function inCluster(): Connection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  if (host === undefined || port === undefined) throw new Error("no kubeconfig: give one, set KUBECONFIG, or run in a pod");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    ca: caFile(join(SERVICE_ACCOUNT, "ca.crt")),
    token: tokenFromFile(join(SERVICE_ACCOUNT, "token")),
  };
}

function defaultFiles(): string[] {
  const named = (process.env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  if (named.length > 0) return [...new Set(named)].filter((file) => existsSync(file));
  const file = join(homedir(), ".kube", "config");
  return existsSync(file) ? [file] : [];
}

/** Returns a function that gives the token of the file. While the file cannot be read (it is being replaced), the last token stays in use; at first, `first`. */
export function tokenFromFile(file: string, first?: string, now: () => number = () => performance.now()): () => Promise<string> {
  let last: { token: string; at: number } | undefined = first === undefined ? undefined : { token: first, at: Number.NEGATIVE_INFINITY };
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
