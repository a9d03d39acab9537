// Credentials from a plugin (ExecCredential), as kubectl asks for them: run when needed, kept until they expire or the server refuses them.
import { spawn } from "node:child_process";
import type { ExecConfig } from "./kubeconfig.ts";

/** What a plugin with `provideClusterInfo` is told of the cluster; `Cluster` of client.authentication.k8s.io. */
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
  #kept: { readonly credential: Credential; readonly until: number } | undefined;
  #running: Promise<Credential> | undefined;

  constructor(config: ExecConfig, cluster: () => ExecCluster) {
    this.#config = config;
    this.#cluster = cluster;
  }

  /** Throws an Error that names the plugin when it gives no credential. */
  async credential(): Promise<Credential> {
    if (this.#kept !== undefined && Date.now() < this.#kept.until) return this.#kept.credential;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** The server refused what the plugin gave: the next caller runs it again. */
  reject(): void {
    this.#kept = undefined;
  }

  async #run(): Promise<Credential> {
    const { command, apiVersion } = this.#config;
    const status = statusOf(await this.#output(), apiVersion, command);
    const expires = status.expirationTimestamp === undefined ? Number.POSITIVE_INFINITY : Date.parse(String(status.expirationTimestamp));
    const { token, clientCertificateData: cert, clientKeyData: key } = status as Record<string, string | undefined>;
    if (Boolean(cert) !== Boolean(key)) throw new Error(`exec plugin ${command} gave only one of certificate and key`);
    if (!token && !cert) throw new Error(`exec plugin ${command} gave neither a token nor a certificate`);
    const credential = { ...(token && { token }), ...(cert && key && { certificate: { cert, key } }) };
    if (!Number.isNaN(expires)) this.#kept = { credential, until: expires };
    return credential;
  }

  #output(): Promise<string> {
    const { command, args, env, apiVersion, provideClusterInfo } = this.#config;
    const interactive = this.#interactive();
    const extension = this.#config.clusterExtension;
    const cluster = provideClusterInfo ? { ...this.#cluster(), ...(extension === undefined ? {} : { config: extension }) } : undefined;
    const info = { apiVersion, kind: "ExecCredential", spec: { interactive, ...(cluster && { cluster }) } };
    const own = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
        // What the plugin has to say to a person, such as where to log in, goes where ours goes.
        stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"],
      });
      let text = "";
      child.stdout?.on("data", (piece: Buffer) => {
        text += piece.toString("utf8");
        if (text.length > LONGEST_OUTPUT) child.kill();
      });
      child.on("error", (error) => reject(this.#notRun(error)));
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

  #notRun(error: Error & { code?: string }): Error {
    const { command, installHint } = this.#config;
    if (error.code !== "ENOENT") return new Error(`exec plugin ${command} cannot be run: ${error.message}`);
    // One line, and nothing that a terminal would act on.
    const hint = installHint.replace(/[\p{Cc}\s]+/gu, " ").trim();
    return new Error(`exec plugin ${command} is not installed${hint === "" ? "" : `: ${hint}`}`);
  }
}

/** The output is never quoted: it holds the credential. */
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
