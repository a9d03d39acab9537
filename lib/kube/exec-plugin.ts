// Credentials from an exec plugin (ExecCredential), as kubectl uses them: run when needed, cached until they expire or the server refuses them.
import { spawn } from "node:child_process";
import type { ExecConfig } from "./kubeconfig.ts";

/** What a plugin with `provideClusterInfo` gets about the cluster: `Cluster` of client.authentication.k8s.io. */
export interface ExecCluster {
  readonly server: string;
  readonly "tls-server-name"?: string;
  /** Base64 of PEM. */
  readonly "certificate-authority-data"?: string;
  readonly "proxy-url"?: string;
}

export interface Credential {
  readonly token?: string;
  /** PEM. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

const LONGEST_OUTPUT = 1024 * 1024;

/** One plugin; concurrent callers share one run of it. */
export class ExecPlugin {
  readonly #config: ExecConfig;
  readonly #cluster: () => ExecCluster;
  #cached: { readonly credential: Credential; readonly until: number } | undefined;
  #running: Promise<Credential> | undefined;

  constructor(config: ExecConfig, cluster: () => ExecCluster) {
    this.#config = config;
    this.#cluster = cluster;
  }

  /** Throws an Error that names the plugin when it returns no credential. */
  async credential(): Promise<Credential> {
    if (this.#cached !== undefined && Date.now() < this.#cached.until) return this.#cached.credential;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** The server refused the credential: the next call runs the plugin again. */
  reject(): void {
    this.#cached = undefined;
  }

  async #run(): Promise<Credential> {
    const { command, apiVersion } = this.#config;
    const status = statusOf(await this.#output(), apiVersion, command);
    const expires = status.expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(String(status.expirationTimestamp));
    const { token, clientCertificateData: cert, clientKeyData: key } = status as Record<string, string | undefined>;
    if (Boolean(cert) !== Boolean(key)) throw new Error(`exec plugin ${command} gave only one of certificate and key`);
    if (!token && !cert) throw new Error(`exec plugin ${command} gave neither a token nor a certificate`);
    const credential = { ...(token && { token }), ...(cert && key && { certificate: { cert, key } }) };
    if (!Number.isNaN(expires)) this.#cached = { credential, until: expires };
    return credential;
  }

  #output(): Promise<string> {
    const { command, args, env, apiVersion, provideClusterInfo } = this.#config;
    const interactive = this.#interactive();
    const extension = this.#config.clusterExtension;
    const cluster = provideClusterInfo ? { ...this.#cluster(), ...(extension === undefined ? {} : { config: extension }) } : undefined;
    const info = { apiVersion, kind: "ExecCredential", spec: { interactive, ...(cluster && { cluster }) } };
    const pluginEnv = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        env: { ...process.env, ...pluginEnv, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        // Messages of the plugin to the user, such as where to log in, go to standard error.
        stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout?.on("data", (piece: Buffer) => {
        text += piece.toString("utf8");
        if (text.length > LONGEST_OUTPUT) child.kill();
      });
      child.on("error", (error) => reject(this.#startError(error)));
      child.on("close", (code, signal) => {
        if (code === 0) resolve(text);
        else reject(new Error(`exec plugin ${command} ended with ${signal ?? `exit code ${code}`}`));
      });
    });
  }

  #interactive(): boolean {
    const { interactiveMode, command } = this.#config;
    const possible = process.stdin.isTTY === true;
    if (interactiveMode === "Always" && !possible)
      throw new Error(`exec plugin ${command} needs a terminal (interactiveMode Always), and standard input is none`);
    return interactiveMode !== "Never" && possible;
  }

  #startError(error: Error & { code?: string }): Error {
    const { command, installHint } = this.#config;
    if (error.code !== "ENOENT") return new Error(`exec plugin ${command} cannot be run: ${error.message}`);
    // One line, without control characters that a terminal would interpret.
    const hint = installHint.replace(/[\p{Cc}\s]+/gu, " ").trim();
    return new Error(`exec plugin ${command} is not installed${hint === "" ? "" : `: ${hint}`}`);
  }
}

/** Errors never quote the output, because it contains the credential. */
function statusOf(output: string, apiVersion: string, command: string): Readonly<Record<string, unknown>> {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    throw new Error(`exec plugin ${command} did not print an ExecCredential`);
  }
  const given = (answer ?? {}) as { apiVersion?: unknown; kind?: unknown; status?: unknown };
  if (given.kind !== "ExecCredential") throw new Error(`exec plugin ${command} did not print an ExecCredential`);
  if (given.apiVersion !== apiVersion)
    throw new Error(`exec plugin ${command} printed apiVersion ${JSON.stringify(given.apiVersion)}; the kubeconfig says ${apiVersion}`);
  if (typeof given.status !== "object" || given.status === null) throw new Error(`exec plugin ${command} printed no status`);
  return given.status as Record<string, unknown>;
}
