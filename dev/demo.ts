// `make demo`: a whole environment and a short story in it; then the environment stays up until Ctrl-C.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startProcessCleanup } from "../controlplane/process-cleanup.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { prepareSite, USER } from "./demo-site.ts";
import { runStory } from "./demo-story.ts";
import { Environment } from "./environment.ts";
import { bringUp } from "./up.ts";

export interface DemoOptions {
  /** End after the story. */
  once: boolean;
  signal: AbortSignal;
  print(line: string): void;
}

const byHand = (environment: Environment, password: string): string[] => {
  const alice = environment.path("users", USER, "kubeconfig");
  const { hub, kubectl } = environment.state();
  return [
    "",
    "It stays up until Ctrl-C. By hand, in another terminal:",
    `  export PATH=${join(kubectl, "..")}:${join(repositoryRoot(), "bin")}:$PATH`,
    `  KUBECONFIG=${hub.adminKubeconfig} kubectl get clusters.drover.dev          # the hub, as its administrator`,
    `  KUBECONFIG=${alice} kubectl --context drover-east get nodes    # the cluster east, as alice (password: ${password})`,
    `  bin/drover-dev status --dir ${environment.directory}`,
  ];
};

const untilAborted = async (signal: AbortSignal): Promise<void> => {
  // Waiting for a signal alone does not keep a process alive.
  const hold = setInterval(() => {}, 60_000);
  try {
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    clearInterval(hold);
  }
};

/** Resolves after the story (and, unless `once`, after the signal); nothing is left behind, also after a failure. */
export const demo = async (o: DemoOptions): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "drover-demo-"));
  // Also when this process is killed, nothing of the demo stays.
  const cleanup = startProcessCleanup();
  cleanup.remove(directory);
  try {
    const environment = await bringUp({ directory, clusters: ["east", "west"], nodes: 3, proxies: 1, signal: o.signal, cleanup });
    const password = randomBytes(12).toString("base64url");
    await prepareSite(environment, password, o.signal);
    await runStory({ environment, password, signal: o.signal, print: o.print });
    if (o.once) return;
    for (const line of byHand(environment, password)) o.print(line);
    await untilAborted(o.signal);
    o.print("\nstopping");
  } finally {
    await Environment.load(directory)?.stopAll();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    cleanup.dismiss();
  }
};
