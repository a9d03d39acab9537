// The end of a membership: everything of Drover's goes from this cluster, the hub hears that it is done, and then the agent goes too.
import { HUB } from "../../lib/access/names.ts";
import { fullJitterMs, pause } from "../../lib/kube/backoff.ts";
import { isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";

export interface TeardownOptions {
  readonly cluster: string;
  readonly namespace: string;
  readonly managed: KubeClient;
  /** In this order: what was granted, what guarded it, and word to the hub. Each may be called again. */
  readonly steps: readonly ((signal: AbortSignal) => Promise<void>)[];
  readonly log: Log;
}

const BACKOFF = { baseMs: 200, capMs: 10_000 };
/** What the import manifest made outside the agent's namespace and the agent itself does not need to the last. */
const FIRST: readonly [Kind<KubeObject>, string][] = [
  [ClusterRoleBinding, "drover:guard-probe"],
  [ClusterRole, "drover:guard-probe"],
  [ClusterRoleBinding, "drover:impersonator"],
  [ClusterRole, "drover:impersonator"],
];
/** What it needs to the last: given to the namespace as its owner, so that the garbage collector takes them away after it. */
const LAST: readonly [Kind<KubeObject>, string][] = [
  [ClusterRole, "drover:agent-base"],
  [ClusterRoleBinding, "drover:agent-base"],
  [ClusterRoleBinding, "drover:agent"],
];

/** Resolves when the agent's own namespace is going; then there is nothing left to do but to exit. */
export async function tearDown(options: TeardownOptions, signal: AbortSignal): Promise<void> {
  const { cluster, log, steps } = options;
  // On the hub this namespace holds Drover itself.
  if (cluster === HUB) throw new Error("the hub's own agent tears nothing down");
  log.info("the hub gave this cluster up: removing everything");
  for (const step of steps) await untilDone(step, log, signal);
  await untilDone((now) => leave(options, now), log, signal);
}

async function leave({ managed, namespace }: TeardownOptions, signal: AbortSignal): Promise<void> {
  for (const [kind, name] of FIRST) await ignoringAbsence(managed.delete(kind, { name }, { signal }));
  const home = await managed.find(Namespace, { name: namespace }, { signal });
  if (home === undefined) return;
  const owner = { apiVersion: "v1", kind: "Namespace", name: namespace, uid: home.metadata.uid };
  const patch = { metadata: { ownerReferences: [owner] } };
  for (const [kind, name] of LAST) await ignoringAbsence(managed.patch(kind, { name }, patch, { type: "merge", signal }));
  await ignoringAbsence(managed.delete(Namespace, { name: namespace }, { signal }));
}

async function ignoringAbsence(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function untilDone(step: (signal: AbortSignal) => Promise<void>, log: Log, signal: AbortSignal): Promise<void> {
  for (let failures = 0; ; failures++) {
    try {
      return await step(signal);
    } catch (error) {
      signal.throwIfAborted();
      log.warn("removing is not done yet", { error: describe(error) });
      await pause(fullJitterMs(failures, BACKOFF), signal);
      signal.throwIfAborted();
    }
  }
}
