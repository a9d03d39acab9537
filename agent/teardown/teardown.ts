// The end of a managed cluster: agent-access revokes what was granted, agent-guards removes the guards, agent-report says so to the hub; then the agent
// removes itself.
import { AGENT_BASE_ROLE, HUB } from "../../lib/access/names.ts";
import { GUARD_PROBE, IMPERSONATOR } from "../../lib/components/components.ts";
import { retry } from "../../lib/kube/backoff.ts";
import { isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Shared } from "../../lib/reconcile/shared.ts";
import type { Teardown } from "../access/memory.ts";

export interface TeardownOptions {
  readonly cluster: string;
  readonly namespace: string;
  readonly managed: KubeClient;
  readonly teardown: Shared<Teardown>;
  readonly log: Log;
}

const BACKOFF = { baseMs: 200, capMs: 10_000 };
/** What the import manifest made outside the agent's namespace and the agent itself does not need to the last. */
const FIRST: readonly [Kind<KubeObject>, string][] = [GUARD_PROBE, IMPERSONATOR].flatMap((account) => [
  [ClusterRoleBinding, `drover:${account}`] as [Kind<KubeObject>, string],
  [ClusterRole, `drover:${account}`],
]);
/** What it needs to the last: given to the namespace as its owner, so that the garbage collector takes them away after it. */
const LAST: readonly [Kind<KubeObject>, string][] = [
  [ClusterRole, AGENT_BASE_ROLE],
  [ClusterRoleBinding, AGENT_BASE_ROLE],
  [ClusterRoleBinding, "drover:agent"],
];

/**
 * Waits until the hub has read that everything but the agent is removed, however long that takes, and does the rest. Resolves when the agent's own namespace is being deleted;
 * then there is nothing left to do but to exit. Rejects only when the signal aborts.
 */
export async function tearDown({ cluster, namespace, managed, teardown, log }: TeardownOptions, signal: AbortSignal): Promise<void> {
  const onError = (error: unknown): void => void log.warn("removing is not done yet", { error: describe(error) });
  const untilDone = (step: () => Promise<void>): Promise<void> => retry(step, { backoff: BACKOFF, signal, onError });
  await reached(teardown, "reported", signal);
  // On the hub this namespace holds Drover itself.
  if (cluster === HUB) throw new Error("the hub's own agent tears nothing down");
  await untilDone(() => leave(managed, namespace, signal));
}

/** Resolves when the value is this; rejects when the signal aborts before. */
async function reached(teardown: Shared<Teardown>, value: Teardown, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    if (teardown.value === value) resolve();
  };
  const stop = teardown.onChange(look);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  look();
  await promise.finally(() => {
    stop();
    signal.removeEventListener("abort", onAbort);
  });
}

async function leave(managed: KubeClient, namespace: string, signal: AbortSignal): Promise<void> {
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
