// The real kubectl with one kubeconfig.
import { type BackgroundCommand, type CommandResult, type RunOptions, run, start } from "./command.ts";
import { state } from "./state.ts";

/** Kubernetes objects as the stories write and read them. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export class Kubectl {
  readonly kubeconfig: string;

  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
  }

  /** Runs kubectl, whatever comes of it. */
  run(args: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return run(state().kubectl, ["--kubeconfig", this.kubeconfig, ...args], options);
  }

  /** Runs kubectl, which must succeed. @returns its standard output */
  async must(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  async get<T = Manifest>(...args: string[]): Promise<T> {
    return JSON.parse(await this.must(["get", ...args, "-o", "json"])) as T;
  }

  /** kubectl apply -f - of these objects; throws when one of them is refused. */
  async apply(...objects: Manifest[]): Promise<string> {
    return await this.must(["apply", "-f", "-"], { input: list(objects) });
  }

  /** kubectl delete -f - of these objects; those already gone are no error. */
  async delete(...objects: Manifest[]): Promise<string> {
    return await this.must(["delete", "--ignore-not-found", "-f", "-"], { input: list(objects), timeoutMs: 120_000 });
  }

  /** Leaves kubectl running. */
  start(args: readonly string[], options: RunOptions = {}): BackgroundCommand {
    return start(state().kubectl, ["--kubeconfig", this.kubeconfig, ...args], options);
  }
}

const list = (objects: readonly Manifest[]): string => JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });

/** The hub's API server itself, as its administrator: where YAML is applied. */
export const hub = (): Kubectl => new Kubectl(state().hub.adminKubeconfig);

/** A managed cluster's API server itself, as its administrator. */
export function managed(cluster: string): Kubectl {
  const found = state().clusters[cluster];
  if (!found) throw new Error(`there is no cluster ${cluster} in the environment`);
  return new Kubectl(found.adminKubeconfig);
}
