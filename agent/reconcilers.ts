// All reconcilers of the agent, and how their kinds are cached. Their source is the hub, their target the managed cluster.
import { AccessSet } from "../crds/v1alpha1/accessset.ts";
import { clusterNamespace, HUB, MANAGED_BY } from "../lib/access/names.ts";
import type { CacheOptions } from "../lib/kube/cache.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, Node, RoleBinding } from "../lib/kube/core.ts";
import type { Log } from "../lib/kube/log.ts";
import { type Kind, type KubeObject, selectorOf } from "../lib/kube/object.ts";
import type { EffectTable } from "../lib/reconcile/effects.ts";
import type { ManagerOptions } from "../lib/reconcile/manager.ts";
import type { AnyReconciler } from "../lib/reconcile/pass.ts";
import type { KindOptions } from "../lib/reconcile/server.ts";
import type { AccessMemory } from "./access/memory.ts";
import { withoutBallast, withoutUnmanagedRules } from "./access/observe.ts";
import type { SaveState } from "./access/plan.ts";
import { access } from "./access/reconciler.ts";
import type { StateStore } from "./access/state.ts";
import { accessSetStatus } from "./accessset-status/reconciler.ts";
import { discovery } from "./discovery/reconciler.ts";
import type { Guards } from "./guards/guards.ts";
import { guardsReconciler } from "./guards/reconciler.ts";
import { lease } from "./lease/reconciler.ts";
import { onlyReadiness } from "./report/observe.ts";
import { report } from "./report/reconciler.ts";

export interface AgentParts {
  readonly cluster: string;
  readonly agentVersion: string;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly memory: AccessMemory;
  readonly store: StateStore;
  readonly guards: Guards;
  readonly streams: { readonly size: number; readonly ended: number; recheck(): Promise<void> };
  readonly log: Log;
}

export function reconcilersOf(parts: Pick<AgentParts, "cluster" | "agentVersion" | "managed" | "memory" | "guards" | "streams" | "log">) {
  const { cluster, agentVersion, managed, memory, guards, streams, log } = parts;
  const namespace = clusterNamespace(cluster);
  const { clusterScoped, results, hubAheadMs } = memory;
  return [
    access({ memory, guards, isHub: cluster === HUB, onRevoked: () => void streams.recheck(), log }),
    guardsReconciler({ guards, memory, isHub: cluster === HUB }),
    accessSetStatus(results),
    discovery({ managed, clusterScoped, log }),
    report({ managed, namespace, agentVersion, guards, memory, streams }),
    lease({ namespace, hubAheadMs }),
  ] as unknown as readonly AnyReconciler[];
}

/** What the agent's manager runs. On the hub the agent may write nothing but status and its Lease. */
export function managerOptions(parts: AgentParts): Omit<ManagerOptions, "metrics" | "signal"> {
  const { hub, managed, store, log } = parts;
  const effects: EffectTable<SaveState> = { saveState: ({ state }, { signal }) => store.save(state, signal) };
  return {
    source: hub,
    target: managed,
    statusOnly: true,
    reconcilers: reconcilersOf(parts),
    effects: effects as unknown as EffectTable,
    cacheOptions: cacheOptions(parts.cluster),
    log,
  };
}

function cacheOptions(cluster: string): KindOptions {
  const labelSelector = selectorOf(MANAGED_BY);
  return new Map([
    cached(AccessSet, { namespace: clusterNamespace(cluster) }),
    cached(Namespace, { transform: withoutBallast }),
    // All of them, because templates may name roles that are not Drover's.
    cached(ClusterRole, { transform: withoutUnmanagedRules }),
    cached(ClusterRoleBinding, { labelSelector }),
    cached(RoleBinding, { labelSelector }),
    cached(Node, { transform: onlyReadiness }),
  ]);
}

/** Kinds and their objects belong together, which a map of many kinds cannot say. */
const cached = <T extends KubeObject>(kind: Kind<T>, options: CacheOptions<T>) =>
  [kind, options] as unknown as readonly [Kind<KubeObject>, CacheOptions<KubeObject>];
