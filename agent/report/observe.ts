// What the report is made of: nodes and health of the managed cluster, and what the other parts of the agent say of themselves.
import { isVersion } from "../../crds/v1alpha1/names.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Node } from "../../lib/kube/core.ts";
import { hasCondition } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";
import { UnreadableError } from "../../lib/reconcile/reader.ts";
import type { Trigger } from "../../lib/reconcile/shared.ts";
import type { AccessMemory } from "../access/memory.ts";
import type { GuardReport } from "../guards/guards.ts";
import { boundedAccess } from "./bounded.ts";
import type { Observed, Written } from "./plan.ts";

export interface ReportSources {
  readonly managed: KubeClient;
  /** The cluster's namespace on the hub. */
  readonly namespace: string;
  readonly agentVersion: string;
  readonly guards: Trigger & { readonly report: GuardReport };
  readonly memory: AccessMemory;
  readonly streams: { readonly size: number; readonly ended: number };
}

const HEALTH_TIMEOUT_MS = 5_000;

export async function observe(
  { managed, namespace, agentVersion, guards, memory, streams }: ReportSources,
  { read, last, signal }: { readonly read: Reader; readonly last: Written | undefined; readonly signal: AbortSignal },
): Promise<Observed> {
  const health = await healthOf(managed, signal);
  const { state, message, probedAt } = guards.report;
  const { value: access } = memory.report;
  const nodes = nodesOf(read);
  const isTeardown = memory.teardown.value === "removed" || memory.teardown.value === "reported";
  return {
    namespace,
    last,
    status: {
      agentVersion,
      ...health,
      ...(nodes && { nodes }),
      guards: { state, message, ...(probedAt === undefined ? {} : { probedAt }) },
      ...(access && { access: boundedAccess(access) }),
      streams: { open: streams.size, ended: streams.ended },
      ...(isTeardown && { teardown: "Done" as const }),
    },
  };
}

async function healthOf(
  managed: KubeClient,
  stop: AbortSignal,
): Promise<{ readonly healthy: boolean; readonly kubernetesVersion?: string }> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(HEALTH_TIMEOUT_MS)]);
  try {
    const healthy = String(await managed.request("GET", "/readyz", { signal })) === "ok";
    const { gitVersion } = (await managed.request("GET", "/version", { signal })) as { gitVersion?: string };
    return { healthy, ...(gitVersion !== undefined && isVersion(gitVersion) && { kubernetesVersion: gitVersion }) };
  } catch {
    return { healthy: false };
  }
}

function nodesOf(read: Reader): { readonly total: number; readonly ready: number } | undefined {
  try {
    const nodes = read.list(Node);
    return { total: nodes.length, ready: nodes.filter(isReady).length };
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

export const isReady = (node: Node): boolean => hasCondition(node, "Ready");

/** All of a node that the report needs. */
export function onlyReadiness({ apiVersion, kind, metadata: { name, uid, resourceVersion }, status }: Node): Node {
  const conditions = (status?.conditions ?? []).filter(({ type }) => type === "Ready");
  return {
    ...{ apiVersion, kind },
    metadata: { name, ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    status: { conditions },
  };
}
