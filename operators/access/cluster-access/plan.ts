import type { ReasonOf } from "../../../crds/schema/condition.ts";
import { AccessSet } from "../../../crds/v1alpha1/accessset.ts";
import { AccessCompiled, type Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../../crds/v1alpha1/clustermembers.ts";
import { factsOf } from "../../../lib/access/compile-binding.ts";
import { type Compiled, compileCluster, revokes } from "../../../lib/access/compile-cluster.ts";
import { type MemberParts, memberParts, removesMembers } from "../../../lib/access/members.ts";
import { clusterNamespace, MANAGED_BY } from "../../../lib/access/names.ts";
import { type KubeObject, type ObjectMeta, refOf } from "../../../lib/kube/object.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { GUARDS_RETRY_MS, until } from "../status.ts";
import type { Observed } from "./observe.ts";

export function plan(cluster: Cluster, observed: Observed, now: Date): Plan<never> {
  const { sources, guards, previous } = observed;
  if (!cluster.status?.namespaceUID) {
    return { conditions: [compiled("False", "NamespaceNotReady", "waiting for the cluster's namespace")], finalizer: "none" };
  }
  const result = compileCluster({
    ...observed,
    cluster,
    facts: factsOf(sources, now),
    mayGrant: guards.state === "Enforced" && !isPaused(cluster),
  });
  const members = memberParts(result.members, observed.previousMembers);
  const intents = objectsOf(cluster, result, members, observed);
  const wanted = new Set(intents.map(idOf));
  const there = [...previous, ...observed.previousMembers];
  const remove = there.filter((object) => !wanted.has(idOf(object))).map(refOf);
  if (cluster.metadata.deletionTimestamp) {
    // Nothing can be created in a namespace that is being deleted: only objects that still exist are updated.
    const existing = new Set(there.map(idOf));
    const apply = intents.filter((object) => existing.has(idOf(object)));
    return {
      apply,
      remove,
      conditions: [compiled("False", "TearingDown", "the cluster is being deleted; its agent removes all access")],
      finalizer: "none",
    };
  }
  return {
    apply: intents,
    remove,
    conditions: [conditionOf({ ...result, leftOut: [...result.leftOut, ...tooMany(members)] }, observed)],
    finalizer: "none",
    ...requeueAfter(cluster, result, now),
  };
}

/**
 * What takes something away comes first. Among equals members come before sets, since whoever is newly granted something must be let in by
 * the proxies when their rights arrive; and the object that counts the parts of the members comes after these.
 */
function objectsOf(
  cluster: Cluster,
  { sets }: Compiled,
  { parts }: MemberParts,
  { previous, previousMembers }: Observed,
): readonly KubeObject[] {
  const namespace = clusterNamespace(cluster.metadata.name);
  const object = (kind: { readonly apiVersion: string; readonly kind: string }, name: string, spec: object): KubeObject =>
    ({ apiVersion: kind.apiVersion, kind: kind.kind, metadata: { name, namespace, labels: MANAGED_BY }, spec }) as KubeObject;
  const setsBefore = new Map(previous.map((set) => [set.metadata.name, set]));
  const membersBefore = new Map(previousMembers.map(({ metadata, spec }) => [metadata.name, spec]));
  const objects = [
    ...parts
      .toReversed()
      .map(({ name, spec }) => ({ first: removesMembers(spec, membersBefore.get(name)), made: object(ClusterMembers, name, spec) })),
    ...sets.map(({ name, spec }) => {
      const before = setsBefore.get(name);
      return { first: revokes(spec, before?.spec), made: onto(before?.metadata, object(AccessSet, name, spec)) };
    }),
  ];
  return [...objects.filter(({ first }) => first), ...objects.filter(({ first }) => !first)].map(({ made }) => made);
}

/**
 * Written only onto the very version that it was made from: otherwise what a cache held of the hub before it was restored from a backup
 * would pass for what the restored hub goes on from.
 */
function onto(version: ObjectMeta | undefined, set: KubeObject): KubeObject {
  const { uid, resourceVersion } = version ?? {};
  return { ...set, metadata: { ...set.metadata, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } };
}

const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;

const tooMany = ({ leftOut }: MemberParts): readonly string[] => (leftOut > 0 ? [`${leftOut} members, who cannot reach the cluster`] : []);

const isPaused = (cluster: Cluster): boolean => cluster.spec.paused === true;

function conditionOf({ withheld, leftOut }: Compiled, { guards }: Observed): ConditionIntent {
  if (withheld > 0 && guards.state !== "Enforced") return compiled("False", "GuardsNotEnforced", guards.message);
  if (withheld > 0) return compiled("False", "Paused", `the cluster is paused: ${withheld} grants wait`);
  if (leftOut.length > 0) return compiled("False", "TooLarge", leftOut.join("; "));
  return compiled("True", "Compiled", "");
}

/** A pause ends with a change of the cluster, which enqueues it; why the guards are not in force changes without one. */
function requeueAfter(cluster: Cluster, { withheld, nextEnd }: Compiled, now: Date): Pick<Plan<never>, "requeueAfter"> {
  if (withheld > 0 && !isPaused(cluster)) return { requeueAfter: { ms: GUARDS_RETRY_MS, because: "grants wait for the hub's guards" } };
  return until(nextEnd, now, "the first end date");
}

function compiled(
  status: ConditionIntent["status"],
  reason: Exclude<ReasonOf<typeof AccessCompiled>, "type">,
  message: string,
): ConditionIntent {
  return { type: AccessCompiled.type, status, reason, message };
}
