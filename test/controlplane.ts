// A real control plane for integration tests: etcd and kube-apiserver, and on demand controller manager, scheduler and kwok.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPlane } from "../controlplane/build.ts";
import { isHealthy } from "../controlplane/check.ts";
import { type Component, type ControlPlaneParts, clientCertificate, prepareControlPlane } from "../controlplane/components.ts";
import { Kubectl } from "../controlplane/kubectl.ts";
import { populate, prepareKwok } from "../controlplane/nodes.ts";
import { Authority, type KeyPair } from "../controlplane/pki.ts";
import { reservePorts } from "../controlplane/ports.ts";
import {
  type ProcessSpec,
  type Running,
  signalProcess,
  startProcess,
  stopProcess,
  waitForEnd,
  waitUntilReady,
} from "../controlplane/process.ts";
import { type ProcessCleanup, startProcessCleanup } from "../controlplane/process-cleanup.ts";
import type { Connection } from "../lib/kube/client.ts";
import { sendJSON } from "../lib/outbound/client.ts";

export interface TestControlPlaneOptions {
  controllerManager?: boolean;
  /** All controllers act as system:kube-controller-manager instead of each as an account of its own. */
  sharedControllerCredentials?: boolean;
  scheduler?: boolean;
  /** Adds kwok with this many nodes, and in namespace `shop` a Deployment `web`; needs controller manager and scheduler. */
  kwokNodes?: number;
  etcdArgs?: readonly string[];
  apiserverArgs?: readonly string[];
}

/** A running control plane; ends with `stop`, and also when the test's process ends in any other way. */
export interface TestControlPlane {
  /** Base URL of the API server; the same after a restart. */
  server: string;
  /** PEM of the authority behind the API server's certificate. */
  ca: string;
  adminKubeconfig: string;
  auditLog: string;
  /** Base URL of kwok's port, where kubelets listen. */
  kwokUrl: string;
  /** Where kubectl and the other executables are. */
  binaries: string;
  /** Scratch directory that goes when the control plane stops. */
  directory: string;
  /** Signs serving certificates that trust `ca`. */
  serving: Authority;
  adminConnection(): Connection;
  /** A client certificate for any user; the API server accepts it. */
  clientCertificate(commonName: string, organizations?: readonly string[]): KeyPair;
  /** Compacts etcd up to its current revision, so that older resourceVersions are gone. */
  compact(): Promise<void>;
  /** Sends the signal and waits for the end unless the signal is SIGSTOP or SIGCONT. */
  kill(component: Component, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a component that was killed and waits until it is ready. */
  start(component: Component): Promise<void>;
  stop(): Promise<void>;
}

const READY_MS = 90_000;

let cleanup: ProcessCleanup | undefined;

const launch = async (name: string, spec: ProcessSpec, directory: string, ready: () => Promise<boolean>): Promise<Running> => {
  cleanup ??= startProcessCleanup();
  const running = await startProcess(spec, cleanup.mark);
  cleanup.remove(directory);
  await waitUntilReady(name, { running, log: spec.log }, ready, { limitMs: READY_MS });
  return running;
};

/** The last revision of etcd, by its HTTP gateway; byte strings are base64 there, 64-bit numbers are strings. */
const compactEtcd = async (etcd: ControlPlaneParts["etcd"]): Promise<void> => {
  const { url, ...tls } = etcd;
  const call = async (path: string, body: unknown): Promise<{ header?: { revision?: string } }> => {
    const answer = await sendJSON(`${url}${path}`, tls, { method: "POST", body });
    if (answer.status !== 200) throw new Error(`etcd answered ${answer.status} to ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as { header?: { revision?: string } };
  };
  const { header } = await call("/v3/kv/range", { key: Buffer.from("nothing").toString("base64") });
  await call("/v3/kv/compaction", { revision: header?.revision, physical: true });
};

const binaries = (): Promise<string> => controlPlane("kubernetes", (line) => process.stderr.write(`${line}\n`));

/** Starts etcd and an API server (and what else is asked for) on loopback; resolves when all of it is ready. */
export const startControlPlane = async (options: TestControlPlaneOptions = {}): Promise<TestControlPlane> => {
  const executables = await binaries();
  const directory = await mkdtemp(join(tmpdir(), "drover-test-"));
  const reserved = await reservePorts(6);
  const [etcd = 0, etcdPeer = 0, apiserver = 0, controllerManager = 0, scheduler = 0, kwokPort = 0] = reserved.ports;
  const serving = Authority.create("drover test authority");
  const parts = await prepareControlPlane({
    directory,
    binaries: executables,
    serving,
    ports: { etcd, etcdPeer, apiserver, controllerManager, scheduler },
    ...(options.sharedControllerCredentials ? { sharedControllerCredentials: true } : {}),
    ...(options.etcdArgs ? { etcdArgs: options.etcdArgs } : {}),
    ...(options.apiserverArgs ? { apiserverArgs: options.apiserverArgs } : {}),
  });
  const running = new Map<Component | "kwok" | "logs", Running>();
  const start = async (component: Component): Promise<void> => {
    running.set(component, await launch(component, parts.specs[component], directory, () => isHealthy(parts.checks[component])));
  };
  const startKwok = async (nodes: number): Promise<void> => {
    const kwokBinaries = await controlPlane("kwok", (line) => process.stderr.write(`${line}\n`));
    const kwok = await prepareKwok({ directory: join(directory, "kwok"), binaries: kwokBinaries, serving, plane: parts, port: kwokPort });
    const kubectl = new Kubectl(join(executables, "kubectl"), parts.adminKubeconfig, directory);
    const startProcesses = async (): Promise<void> => {
      running.set("kwok", await launch("kwok", kwok.kwok, directory, () => isHealthy(kwok.check)));
      running.set("logs", await launch("logs", kwok.logs, directory, () => Promise.resolve(true)));
    };
    await populate(kubectl, { cluster: "test", nodes, startKwok: startProcesses });
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...running.values()].map((process) => stopProcess(process, 0)));
    running.clear();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await start("etcd");
    await start("apiserver");
    await Promise.all([
      ...(options.controllerManager ? [start("controller-manager")] : []),
      ...(options.scheduler ? [start("scheduler")] : []),
    ]);
    if (options.kwokNodes) await startKwok(options.kwokNodes);
  } catch (error) {
    await stop();
    throw error;
  } finally {
    reserved.release();
  }
  return {
    server: parts.server,
    ca: serving.cert,
    adminKubeconfig: parts.adminKubeconfig,
    auditLog: parts.auditLog,
    kwokUrl: `https://127.0.0.1:${kwokPort}`,
    binaries: executables,
    directory,
    serving,
    adminConnection: () => ({ server: parts.server, ca: serving.cert, cert: parts.admin.cert, key: parts.admin.key }),
    clientCertificate: (commonName, organizations = []) => clientCertificate(parts, commonName, organizations),
    compact: () => compactEtcd(parts.etcd),
    kill: async (component, signal = "SIGKILL") => {
      const process = running.get(component);
      if (process === undefined) throw new Error(`${component} was not started`);
      signalProcess(process, signal);
      if (signal === "SIGSTOP" || signal === "SIGCONT") return;
      if (!(await waitForEnd(process, READY_MS))) throw new Error(`${component} did not end after ${signal}`);
    },
    start,
    stop,
  };
};

/** The embedded kubectl, as administrator. */
export const adminKubectl = ({ binaries, adminKubeconfig, directory }: TestControlPlane): Kubectl =>
  new Kubectl(join(binaries, "kubectl"), adminKubeconfig, directory);

/** `kubectl apply` of these objects, as administrator. A failure is an Error with what kubectl said. */
export const applyAsAdmin = async (plane: TestControlPlane, objects: readonly object[]): Promise<void> => {
  await adminKubectl(plane).run(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
};

/** Writes `content` as a file of the scratch directory and returns its path. */
export const scratchFile = async (plane: TestControlPlane, name: string, content: string): Promise<string> => {
  const path = join(plane.directory, name);
  await writeFile(path, content, { mode: 0o600 });
  return path;
};
