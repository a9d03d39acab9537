import type { ReasonOf } from "../../../crds/schema/condition.ts";
import { AccessSet } from "../../../crds/v1alpha1/accessset.ts";
import { AccessCompiled, type Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../../crds/v1alpha1/clustermembers.ts";
import { factsOf } from "../../../lib/access/compile-binding.ts";
import { type Compiled, compileCluster, MAX_GROUPS, MAX_USERS } from "../../../lib/access/compile-cluster.ts";
import { CLUSTER_SET, clusterNamespace, MANAGED_BY, MEMBERS } from "../../../lib/access/names.ts";
import { type KubeObject, keyOf, type ObjectMeta, type ObjectRef } from "../../../lib/kube/object.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { until } from "../status.ts";
import type { Observed } from "./observe.ts";

/** How soon grants that wait for the guards are looked at again. */
const GUARDS_AGAIN_MS = 1_000;

export function plan(cluster: Cluster, observed: Observed, now: Date): Plan<never> {
  const { sources, guards, previous } = observed;
  if (!cluster.status?.namespaceUID) {
    return { conditions: [compiled("False", "NamespaceNotReady", "waiting for the cluster's namespace")], finalizer: "none" };
  }
  const result = compileCluster({
    ...observed,
    cluster,
    facts: factsOf(sources, now),
    mayGrant: guards.is === "Enforced" && !isPaused(cluster),
  });
  const intents = objectsOf(cluster, result, previous);
  const wanted = new Set(result.sets.map(({ name }) => name));
  const remove = previous.filter(({ metadata }) => !wanted.has(metadata.name)).map(refTo);
  if (cluster.metadata.deletionTimestamp) {
    // Nothing can be made in a namespace that is going: only what is still there is told.
    const there = intents.filter(({ kind }) => (kind === ClusterMembers.kind ? observed.hasMembers : hasIndex(previous)));
    return { apply: there, remove, conditions: [compiled("False", "TearingDown", "")], finalizer: "none" };
  }
  return {
    apply: intents,
    remove,
    conditions: [conditionOf(result, observed)],
    finalizer: "none",
    ...again(cluster, result, now),
  };
}

/** Members before sets: whoever is newly granted something must be let in by the proxies when his rights arrive. */
function objectsOf(cluster: Cluster, { sets, members }: Compiled, previous: readonly AccessSet[]): readonly KubeObject[] {
  const namespace = clusterNamespace(cluster.metadata.name);
  const object = (
    kind: { readonly apiVersion: string; readonly kind: string },
    name: string,
    spec: object,
  ): KubeObject & { spec: object } => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name, namespace, labels: MANAGED_BY },
    spec,
  });
  const versions = new Map(previous.map(({ metadata }) => [metadata.name, metadata]));
  return [
    object(ClusterMembers, MEMBERS, members),
    ...sets.map(({ name, spec }) => onto(versions.get(name), object(AccessSet, name, spec))),
  ];
}

/**
 * Written only onto the very version that it was made from: otherwise what a cache held of the hub before it was restored from a backup
 * would pass for what the restored hub goes on from.
 */
function onto(version: ObjectMeta | undefined, set: KubeObject): KubeObject {
  const { uid, resourceVersion } = version ?? {};
  return { ...set, metadata: { ...set.metadata, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } };
}

const isPaused = (cluster: Cluster): boolean => cluster.spec.paused === true;

function conditionOf({ withheld, leftOut }: Compiled, { guards }: Observed): ConditionIntent {
  if (withheld > 0 && guards.is !== "Enforced") return compiled("False", "GuardsNotEnforced", guards.because);
  if (withheld > 0) return compiled("False", "Paused", `the cluster is paused: ${withheld} grants wait`);
  if (leftOut > 0) {
    return compiled(
      "False",
      "TooManyMembers",
      `${leftOut} more than ${MAX_USERS} users or ${MAX_GROUPS} groups, who cannot reach the cluster`,
    );
  }
  return compiled("True", "Compiled", "");
}

/** A pause ends with a change of the cluster, which wakes us; guards may come back without one. */
function again(cluster: Cluster, { withheld, nextEnd }: Compiled, now: Date): Pick<Plan<never>, "again"> {
  if (withheld > 0 && !isPaused(cluster)) return { again: { afterMs: GUARDS_AGAIN_MS, because: "grants wait for the hub's guards" } };
  return until(nextEnd, now, "the first end date");
}

const hasIndex = (previous: readonly AccessSet[]): boolean => previous.some(({ metadata }) => metadata.name === CLUSTER_SET);

function refTo(object: KubeObject): ObjectRef {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, ...keyOf(object), ...(metadata.uid !== undefined && { uid: metadata.uid }) };
}

function compiled(
  status: ConditionIntent["status"],
  reason: Exclude<ReasonOf<typeof AccessCompiled>, "type">,
  message: string,
): ConditionIntent {
  return { type: AccessCompiled.type, status, reason, message };
}
