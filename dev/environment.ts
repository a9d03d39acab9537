// A development environment on disk: what it consists of, what runs, and state.json, the part that other programs may rely on.
import { readFileSync, realpathSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type Check, isHealthy } from "../controlplane/check.ts";
import type { ControlPlaneParts } from "../controlplane/components.ts";
import type { KeyPair } from "../controlplane/pki.ts";
import { isAlive, type ProcessSpec, type Running, startProcess, stopProcess, waitUntilReady } from "../controlplane/process.ts";
import { repositoryRoot } from "../controlplane/root.ts";

/** One process of the environment. */
export interface Unit {
  spec: ProcessSpec;
  /** Answers once the process serves; a process without one is healthy when it runs. */
  check?: Check;
  /** Answers when it can also do its work, which may depend on other processes, for example the hub's API server. */
  ready?: Check;
  /** How long SIGTERM may take before SIGKILL. */
  graceMs: number;
  running?: Running;
}

/** The content of environment.json; private keys included. */
export interface Contents {
  clusters: string[];
  nodes: number;
  proxies: number;
  kubectl: string;
  ca: KeyPair;
  /** By purpose, e.g. "apiserver:hub"; kept for the life of the directory. */
  ports: Record<string, number>;
  planes: Record<string, ControlPlaneParts>;
  units: Record<string, Unit>;
}

/** The stable surface; described in the documentation of `drover-dev`. */
export interface State {
  kubectl: string;
  auth: { url: string };
  proxy: { url: string; urls: string[]; ca: string };
  hub: { adminKubeconfig: string; auditLog: string };
  clusters: Record<string, { adminKubeconfig: string; auditLog: string }>;
  admin: { user: string; passwordFile: string };
  processes: Record<string, { pid: number; log: string }>;
}

export const AUTHORITY = "drover dev authority";
export const ADMIN_USER = "root";
export const HUB = "hub";

const START_LIMIT_MS = 90_000;
const READINESS_LIMIT_MS = 10_000;

/** The path without symbolic links, also when the directory does not exist yet: one lock per directory, however it is spelled. */
export const canonical = (directory: string): string => {
  const path = resolve(directory);
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : join(canonical(dirname(path)), path.slice(dirname(path).length).replace(/^\/+/, ""));
  }
};

const writeJson = async (path: string, value: unknown): Promise<void> => {
  // A reader sees the old content or the new, never half of it.
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
};

const readJson = <T>(path: string): T | undefined => {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

export class Environment {
  readonly directory: string;
  readonly contents: Contents;
  readonly #startedHere = new Set<string>();
  #saving: Promise<void> = Promise.resolve();

  constructor(directory: string, contents: Contents) {
    this.directory = directory;
    this.contents = contents;
  }

  /** The environment that was made in this directory, if there is one. */
  static load(directory: string): Environment | undefined {
    const at = canonical(directory);
    const contents = readJson<Contents>(join(at, "environment.json"));
    return contents === undefined ? undefined : new Environment(at, contents);
  }

  /** Like `load`, but a missing environment is an error that says how to make one. */
  static require(directory: string): Environment {
    const found = Environment.load(directory);
    if (found === undefined)
      throw new Error(
        `${directory} holds no development environment; make one with: drover-dev up --dir ${directory} --clusters east,west`,
      );
    return found;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  get authUrl(): string {
    return `https://127.0.0.1:${this.port("auth:0")}`;
  }

  get proxyUrls(): string[] {
    return Array.from({ length: this.contents.proxies }, (_, index) => `https://127.0.0.1:${this.port(`proxy:${index}`)}`);
  }

  port(purpose: string): number {
    const port = this.contents.ports[purpose];
    if (port === undefined) throw new Error(`no port was chosen for ${purpose}`);
    return port;
  }

  plane(name: string): ControlPlaneParts {
    const plane = this.contents.planes[name];
    if (plane === undefined) throw new Error(`there is no control plane ${name}`);
    return plane;
  }

  unit(name: string): Unit {
    const unit = this.contents.units[name];
    if (unit === undefined)
      throw new Error(`there is no process ${name} here; there are: ${Object.keys(this.contents.units).sort().join(", ")}`);
    return unit;
  }

  /** Adds a process, or changes how it is run from its next start on. Logs of all of them lie side by side. */
  define(name: string, unit: Unit): void {
    const { running } = this.contents.units[name] ?? {};
    const spec = { ...unit.spec, log: this.path("logs", `${name.replace(":", "-")}.log`) };
    this.contents.units[name] = { ...unit, spec, ...(running ? { running } : {}) };
  }

  isRunning(name: string): boolean {
    const running = this.contents.units[name]?.running;
    return running !== undefined && isAlive(running);
  }

  /**
   * Starts the process if it does not run, and waits until it serves and is ready. `mayBeUnready`: readiness is
   * awaited but not required, because a process must also start while its dependencies are away.
   */
  async start(name: string, o: { signal?: AbortSignal; mark?: string; mayBeUnready?: boolean } = {}): Promise<void> {
    const unit = this.unit(name);
    if (!this.isRunning(name)) {
      o.signal?.throwIfAborted();
      unit.running = await startProcess(unit.spec, o.mark);
      this.#startedHere.add(name);
      await this.save();
    }
    const { running, check, ready } = unit;
    if (running === undefined) return;
    const process = { running, log: unit.spec.log };
    const signal = o.signal ? { signal: o.signal } : {};
    if (check !== undefined) await waitUntilReady(name, process, () => isHealthy(check), { limitMs: START_LIMIT_MS, ...signal });
    if (ready === undefined) return;
    const waiting = waitUntilReady(name, process, () => isHealthy(ready), {
      limitMs: o.mayBeUnready ? READINESS_LIMIT_MS : START_LIMIT_MS,
      ...signal,
    });
    await waiting.catch((error: unknown) => {
      if (!o.mayBeUnready || !this.isRunning(name)) throw error;
    });
  }

  async stop(name: string): Promise<void> {
    const unit = this.unit(name);
    if (unit.running !== undefined) await stopProcess(unit.running, unit.graceMs);
    delete unit.running;
    await this.save();
  }

  async stopIfRunning(name: string): Promise<void> {
    if (this.isRunning(name)) await this.stop(name);
  }

  /** Stops what this object started, or everything; API servers and etcd last, so that their clients can shut down in order. */
  async stopAll(which: "all" | "started here" = "all"): Promise<void> {
    const names = which === "all" ? Object.keys(this.contents.units) : [...this.#startedHere];
    const rank = (name: string): number => (name.startsWith("etcd:") ? 2 : name.startsWith("apiserver:") ? 1 : 0);
    for (const at of [0, 1, 2]) await Promise.all(names.filter((name) => rank(name) === at).map((name) => this.stop(name)));
  }

  /** What runs, for tools; only processes that are alive are listed. */
  state(): State {
    const plane = (name: string): { adminKubeconfig: string; auditLog: string } => {
      const { adminKubeconfig, auditLog } = this.plane(name);
      return { adminKubeconfig, auditLog };
    };
    const urls = this.proxyUrls;
    const alive = Object.entries(this.contents.units).filter(([name]) => this.isRunning(name));
    return {
      kubectl: this.contents.kubectl,
      auth: { url: this.authUrl },
      proxy: { url: urls[0] ?? "", urls, ca: this.path("ca.crt") },
      hub: plane(HUB),
      clusters: Object.fromEntries(this.contents.clusters.map((name) => [name, plane(name)])),
      admin: { user: ADMIN_USER, passwordFile: this.path("admin-password") },
      processes: Object.fromEntries(alive.sort().map(([name, { running, spec }]) => [name, { pid: running?.pid ?? 0, log: spec.log }])),
    };
  }

  /** Writes environment.json, and state.json once all control planes are there. */
  save(): Promise<void> {
    const write = async (): Promise<void> => {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await writeJson(this.path("environment.json"), this.contents);
      const complete = [HUB, ...this.contents.clusters].every((name) => name in this.contents.planes);
      if (complete) await writeJson(this.path("state.json"), this.state());
    };
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }
}

/** How one of Drover's own processes is run: with the arguments of its pod, by the Node that runs this program. */
export const droverSpec = (bundle: string, directory: string): ProcessSpec => ({
  command: process.execPath,
  args: ["--max-semi-space-size=16", join(repositoryRoot(), "dist", `${bundle}.mjs`), "--config", join(directory, "config.json")],
  env: { PATH: "/usr/bin:/bin", HOME: directory },
  cwd: directory,
  log: join(directory, "log"),
});
