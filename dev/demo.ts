// `make demo`: a whole environment, a short story in it, and then it is yours until Ctrl-C.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startReaper } from "../controlplane/process-cleanup.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { prepareSite, USER } from "./demo-site.ts";
import { tellStory } from "./demo-story.ts";
import { Environment } from "./environment.ts";
import { bringUp } from "./up.ts";

export interface DemoOptions {
  /** End after the story. */
  once: boolean;
  signal: AbortSignal;
  print(line: string): void;
}

const byHand = (environment: Environment, password: string): string[] => {
  const alice = environment.path("people", USER, "kubeconfig");
  const { hub, kubectl } = environment.state();
  return [
    "",
    "It stays up until Ctrl-C. By hand, in another terminal:",
    `  export PATH=${join(kubectl, "..")}:${join(repositoryRoot(), "bin")}:$PATH`,
    `  KUBECONFIG=${hub.adminKubeconfig} kubectl get clusters.drover.dev          # the hub, as its administrator`,
    `  KUBECONFIG=${alice} kubectl --context drover-east get nodes    # the cluster east, as alice (her password: ${password})`,
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

/** Resolves when the story was told (and, unless `once`, the signal came); nothing is left behind, also after a failure. */
export const demo = async (o: DemoOptions): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "drover-demo-"));
  // Also when this process is killed, nothing of the demo stays.
  const reaper = startReaper();
  reaper.remove(directory);
  try {
    const environment = await bringUp({ directory, clusters: ["east", "west"], nodes: 3, proxies: 1, signal: o.signal, reaper });
    const password = randomBytes(12).toString("base64url");
    await prepareSite(environment, password, o.signal);
    await tellStory({ environment, password, signal: o.signal, print: o.print });
    if (o.once) return;
    for (const line of byHand(environment, password)) o.print(line);
    await untilAborted(o.signal);
    o.print("\nstopping");
  } finally {
    await Environment.load(directory)?.stopAll();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    reaper.dismiss();
  }
};
