// What to write so that the managed cluster holds exactly the desired objects: pure. The applier skips what is as desired already.
import type { RbacBinding, RbacRole } from "../../lib/access/render.ts";
import { type KubeObject, type ObjectRef, type PolicyRule, refOf } from "../../lib/kube/object.ts";
import { grants } from "../../lib/reconcile/drift.ts";

export type Desired = RbacRole | RbacBinding;

export interface Situation {
  readonly roles: readonly RbacRole[];
  readonly bindings: readonly RbacBinding[];
  /** All objects in the managed cluster that carry the inventory label. */
  readonly inventory: readonly KubeObject[];
  /** What was applied and not removed since, also where somebody took the label off. */
  readonly applied: readonly ObjectRef[];
  /** The freshest form of an object. */
  readonly live: (object: KubeObject) => KubeObject | undefined;
  /** Namespaces that are being deleted. */
  readonly terminating: ReadonlySet<string>;
  /** False: nothing may be granted that was not granted before; revoking goes on. */
  readonly enforced: boolean;
  /** ClusterRoles that grant people nothing by themselves, and are not held back. */
  readonly exempt: ReadonlySet<string>;
}

export interface Writes {
  /** Bindings: what revokes comes first. */
  readonly remove: readonly ObjectRef[];
  /** Roles before what binds them. */
  readonly apply: readonly Desired[];
  /** Roles, once nothing binds them any more. */
  readonly removeLast: readonly ObjectRef[];
  /** How many objects are not (wholly) as desired because the guards are not in force. */
  readonly held: number;
}

/** "ClusterRole drover:reader", "RoleBinding web/drover:web:reader" */
export const objectKey = (object: KubeObject | ObjectRef): string => {
  const { namespace, name } = "metadata" in object ? object.metadata : object;
  return `${object.kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
};

export function writesFor(situation: Situation): Writes {
  const { live, enforced, exempt, terminating } = situation;
  const desired = new Set<string>();
  /** Also what is held back: it is not wanted any less. */
  const named = new Set<string>();
  let held = 0;
  const intents = (objects: readonly Desired[]): Desired[] =>
    objects.flatMap((wanted) => {
      const key = objectKey(wanted);
      named.add(key);
      const found = live(wanted);
      const object = enforced || exempt.has(key) ? wanted : restricted(wanted, found);
      if (object !== wanted) held++;
      if (object === undefined) return [];
      desired.add(key);
      return found === undefined && terminating.has(object.metadata.namespace ?? "") ? [] : [object];
    });
  const apply = [...intents(situation.roles), ...intents(situation.bindings)];
  const accounted = new Set([...situation.inventory.map(objectKey), ...named]);
  const surplus = [
    ...situation.inventory
      .filter((object) => !desired.has(objectKey(object)) && (object.metadata.deletionTimestamp === undefined || grants(object)))
      .map(refOf),
    // Once applied and not in the inventory any more: gone, or still there with the label taken off.
    ...situation.applied.filter((ref) => !accounted.has(objectKey(ref))),
  ];
  const isRole = ({ kind }: ObjectRef): boolean => kind === "ClusterRole";
  return { remove: surplus.filter((ref) => !isRole(ref)), apply, removeLast: surplus.filter(isRole), held };
}

/** As much of what is wanted as is there already; undefined when that is nothing. Gives the same object back when that is all of it. */
function restricted<T extends Desired>(wanted: T, live: KubeObject | undefined): T | undefined {
  if (live === undefined) return undefined;
  if ("roleRef" in wanted) {
    const { roleRef, subjects } = live as unknown as {
      roleRef?: { name?: string; kind?: string };
      subjects?: readonly RbacBinding["subjects"][number][];
    };
    if (roleRef?.name !== wanted.roleRef.name || roleRef.kind !== wanted.roleRef.kind) return undefined;
    const there = new Set((subjects ?? []).map(subjectKey));
    const kept = wanted.subjects.filter((subject) => there.has(subjectKey(subject)));
    if (kept.length === wanted.subjects.length) return wanted;
    return kept.length === 0 ? undefined : { ...wanted, subjects: kept };
  }
  const there = new Set(((live as unknown as { rules?: readonly PolicyRule[] | null }).rules ?? []).map(ruleKey));
  const kept = wanted.rules.filter((rule) => there.has(ruleKey(rule)));
  return kept.length === wanted.rules.length ? wanted : { ...wanted, rules: kept };
}

const subjectKey = ({ kind, namespace, name }: RbacBinding["subjects"][number]): string => `${kind}\n${namespace ?? ""}\n${name}`;
const ruleKey = ({ apiGroups, resources, resourceNames, nonResourceURLs, verbs }: PolicyRule): string =>
  JSON.stringify([apiGroups ?? [], resources ?? [], resourceNames ?? [], nonResourceURLs ?? [], verbs]);
