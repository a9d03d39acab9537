import { spawn } from "node:child_process";

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end; `input` is its standard input. Ends it when the signal is aborted. */
export const runCommand = (
  command: string,
  args: readonly string[],
  o: { env: Record<string, string>; input?: string; cwd?: string; signal?: AbortSignal },
): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: o.env,
      stdio: ["pipe", "pipe", "pipe"],
      ...(o.cwd ? { cwd: o.cwd } : {}),
      ...(o.signal ? { signal: o.signal } : {}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (part: Buffer) => stdout.push(part));
    child.stderr.on("data", (part: Buffer) => stderr.push(part));
    child.stdin.on("error", () => {});
    child.stdin.end(o.input ?? "");
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code: code ?? -1, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
  });

/** Like `runCommand`, but a failure is an error that holds what the program said. */
export const mustRun = async (...call: Parameters<typeof runCommand>): Promise<string> => {
  const [command, args] = call;
  const result = await runCommand(...call);
  if (result.code !== 0)
    throw new Error(`${[command, ...args].join(" ")} ended with code ${result.code}:\n${result.stderr || result.stdout}`);
  return result.stdout;
};

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

  #options(input?: string): Parameters<typeof runCommand>[2] {
    return { env: this.#env, ...(input === undefined ? {} : { input }), ...(this.#signal ? { signal: this.#signal } : {}) };
  }
}
