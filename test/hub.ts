// A control plane with all of Drover's objects on it, and Drover's processes beside it: each runs from source, as the ServiceAccount and
// under the Role that deploy/ gives it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeKubeconfig } from "../controlplane/kubeconfig.ts";
import { type Running, startProcess, stopProcess, waitUntilReady } from "../controlplane/process.ts";
import { type ProcessCleanup, startProcessCleanup } from "../controlplane/process-cleanup.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { COMPONENTS, type HubComponentName } from "../lib/components/components.ts";
import { KubeClient } from "../lib/kube/client.ts";
import { adminKubectl, applyAsAdmin, startControlPlane, type TestControlPlane } from "./controlplane.ts";

export interface TestProcess {
  /** What its log line "listening" says. */
  readonly url: string;
  /** Everything that it has written, standard output and error. */
  output(): Promise<string>;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export interface TestHub {
  readonly plane: TestControlPlane;
  readonly admin: KubeClient;
  /** kubectl as admin; its standard output. A failure is an Error with what kubectl said. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  apply(...objects: readonly object[]): Promise<void>;
  /** Writes a kubeconfig with a token of a ServiceAccount in drover-system; its path. */
  kubeconfigOf(account: string): Promise<string>;
  /** Starts the component from source, as its own account; resolves when it listens. `config` gets its kubeconfig added. */
  start(component: HubComponentName, config?: object): Promise<TestProcess>;
  /** Key and certificate for 127.0.0.1, as PEM files. */
  servingFiles(): Promise<{ readonly certFile: string; readonly keyFile: string }>;
  stop(): Promise<void>;
}

const READY_MS = 60_000;

export async function startHub(options: { controllerManager?: boolean; sharedControllerCredentials?: boolean } = {}): Promise<TestHub> {
  const plane = await startControlPlane(options);
  const hub = new Hub(plane);
  try {
    await hub.install();
  } catch (error) {
    await hub.stop();
    throw error;
  }
  return hub;
}

class Hub implements TestHub {
  readonly plane: TestControlPlane;
  readonly admin: KubeClient;
  readonly #started: Running[] = [];
  readonly #cleanup: ProcessCleanup = startProcessCleanup();
  #count = 0;

  constructor(plane: TestControlPlane) {
    this.plane = plane;
    this.admin = new KubeClient(plane.adminConnection());
  }

  async install(): Promise<void> {
    await this.kubectl(["apply", "--server-side", "-k", join(repositoryRoot(), "crds/manifests")]);
    await this.kubectl(["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    await this.kubectl(["apply", "--server-side", "-k", join(repositoryRoot(), "deploy/bases/hub-config")]);
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return adminKubectl(this.plane).run(args, input);
  }

  apply(...objects: readonly object[]): Promise<void> {
    return applyAsAdmin(this.plane, objects);
  }

  async kubeconfigOf(account: string): Promise<string> {
    const { token } = await this.admin.requestToken({ name: account, namespace: SYSTEM_NAMESPACE }, { expirationSeconds: 7200 });
    const path = join(this.plane.directory, `${account}-${this.#count++}.kubeconfig`);
    await writeKubeconfig(path, { server: this.plane.server, ca: this.plane.ca, user: account, token });
    return path;
  }

  async start(component: HubComponentName, config: object = {}): Promise<TestProcess> {
    const directory = join(this.plane.directory, `process-${this.#count++}`);
    await mkdir(directory, { mode: 0o700 });
    const log = join(directory, "log");
    const file = join(directory, "config.json");
    await writeFile(file, JSON.stringify({ kubeconfig: await this.kubeconfigOf(component), ...config }), { mode: 0o600 });
    const args = [join(repositoryRoot(), COMPONENTS[component].entry), "--config", file];
    const env = { PATH: "/usr/bin:/bin", HOME: directory };
    const running = await startProcess(
      { command: join(repositoryRoot(), "tools/node"), args, env, cwd: directory, log },
      this.#cleanup.mark,
    );
    this.#started.push(running);
    let url: string | undefined;
    const ready = async (): Promise<boolean> => {
      url = listening(await readFile(log, "utf8"));
      return url !== undefined;
    };
    await waitUntilReady(component, { running, log }, ready, { limitMs: READY_MS });
    return {
      url: url ?? "",
      output: () => readFile(log, "utf8"),
      stop: () => stopProcess(running, 5000),
      kill: () => stopProcess(running, 0),
    };
  }

  async servingFiles(): Promise<{ certFile: string; keyFile: string }> {
    const { cert, key } = this.plane.serving.certificate({ commonName: "test" }, ["server"], ["127.0.0.1", "localhost"]);
    const [certFile, keyFile] = [join(this.plane.directory, "serving.crt"), join(this.plane.directory, "serving.key")];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key, { mode: 0o600 })]);
    return { certFile, keyFile };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map((running) => stopProcess(running, 2000)));
    await this.admin.close();
    await this.plane.stop();
  }
}

function listening(log: string): string | undefined {
  for (const line of log.split("\n")) {
    if (!line.includes('"listening"')) continue;
    const { message, url } = JSON.parse(line) as { message?: string; url?: string };
    if (message === "listening") return url;
  }
  return undefined;
}
