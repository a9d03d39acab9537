// The real kubectl for tests that need a client as users have it, and no control plane.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPlane } from "../controlplane/build.ts";
import { type CommandResult, runCommand } from "../controlplane/command.ts";

/** The embedded kubectl; built first when it is not there yet. */
export const kubectlPath = async (): Promise<string> =>
  join(await controlPlane("kubernetes", (line) => process.stderr.write(`${line}\n`)), "kubectl");

export interface Context {
  readonly name: string;
  readonly server: string;
}

export interface TestKubectl {
  /** Runs kubectl, whatever comes of it; ends it when the signal is aborted. */
  run(args: readonly string[], signal?: AbortSignal): Promise<CommandResult>;
  remove(): Promise<void>;
}

/** kubectl with a home of its own and one bearer token for all contexts; the first context is the current one. */
export async function kubectlWith(
  contexts: readonly Context[],
  ca: string,
  token: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestKubectl> {
  const kubectl = await kubectlPath();
  const home = await mkdtemp(join(tmpdir(), "drover-kubectl-"));
  const kubeconfig = join(home, "config");
  const authority = Buffer.from(ca).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: contexts.map(({ name, server }) => ({ name, cluster: { server, "certificate-authority-data": authority } })),
    users: [{ name: "user", user: { token } }],
    contexts: contexts.map(({ name }) => ({ name, context: { cluster: name, user: "user" } })),
    "current-context": contexts[0]?.name,
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  return {
    run: (args, signal) => {
      const options = { env: { KUBECONFIG: kubeconfig, HOME: home, PATH: "/usr/bin:/bin", ...env }, ...(signal ? { signal } : {}) };
      return runCommand(kubectl, args, options);
    },
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
