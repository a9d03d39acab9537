// The embedded kubectl.
import { type CommandOptions, mustRun } from "./command.ts";

/** One cluster's kubectl with the rights of one kubeconfig. */
export class Kubectl {
  readonly #path: string;
  readonly #env: Record<string, string>;
  readonly #signal: AbortSignal | undefined;

  constructor(path: string, kubeconfig: string, home: string, signal?: AbortSignal) {
    this.#path = path;
    this.#env = { KUBECONFIG: kubeconfig, HOME: home, PATH: process.env.PATH ?? "/usr/bin:/bin" };
    this.#signal = signal;
  }

  /** Its standard output; throws when it fails. */
  run(args: readonly string[], input?: string): Promise<string> {
    return mustRun(this.#path, args, this.#options(input));
  }

  apply(objects: readonly object[]): Promise<string> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    return this.run(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(list));
  }

  #options(input?: string): CommandOptions {
    return { env: this.#env, ...(input === undefined ? {} : { input }), ...(this.#signal ? { signal: this.#signal } : {}) };
  }
}
