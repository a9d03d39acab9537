// What to write so that the managed cluster holds exactly the desired objects: pure. Objects that were verified before and did not change
// since cost one comparison, so that a change of one grant is as quick in a cluster of 5,000 namespaces as in one of five.

import type { RbacBinding, RbacRole } from "../../lib/access/render.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";

export type Desired = RbacRole | RbacBinding;

/** One object to be applied. Key, `head` and `body` together say all of it; `body` is shared by objects with the same subjects. */
export interface Intent {
  readonly key: string;
  readonly object: Desired;
  readonly head: string;
  readonly body: string;
  /** Nothing else was wanted before: somebody else changed or deleted it. */
  readonly heals: boolean;
  /** Nothing of that name carries our label: whatever is found there is somebody else's, and replacing it heals as well. */
  readonly unseen: boolean;
}

/** How an object was when its intent was last seen fulfilled. */
export interface Verified {
  readonly head: string;
  readonly body: string;
  readonly resourceVersion: string | undefined;
}

export interface Situation {
  readonly roles: readonly RbacRole[];
  readonly bindings: readonly RbacBinding[];
  /** All objects in the managed cluster that carry the inventory label. */
  readonly inventory: readonly KubeObject[];
  /** The freshest form of an object. */
  readonly live: (object: KubeObject) => KubeObject | undefined;
  readonly verified: ReadonlyMap<string, Verified>;
  readonly terminating: ReadonlySet<string>;
  /** False: nothing may be granted that was not granted before; taking away goes on. */
  readonly enforced: boolean;
  /** ClusterRoles that grant people nothing by themselves, and are not held back. */
  readonly exempt: ReadonlySet<string>;
}

/** In the order in which it is to be done; what is in one list may be done at once. */
export interface Steps {
  readonly removeBindings: readonly KubeObject[];
  readonly roles: readonly Intent[];
  readonly bindings: readonly Intent[];
  readonly removeRoles: readonly KubeObject[];
  /** How many objects are not (wholly) as desired because the guards are not in force. */
  readonly held: number;
}

export const objectKey = ({ kind, metadata }: KubeObject): string =>
  `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`;

export function plan(situation: Situation): Steps {
  const bodies = new Map<readonly unknown[], string>();
  const desired = new Set<string>();
  /** Also what is held back: it is not wanted any less. */
  const named = new Set<string>();
  let held = 0;
  const intents = (objects: readonly Desired[]): Intent[] =>
    objects.flatMap((wanted) => {
      const key = objectKey(wanted);
      named.add(key);
      const live = situation.live(wanted);
      const object = situation.enforced || situation.exempt.has(key) ? wanted : restricted(wanted, live);
      if (object !== wanted) held++;
      if (object === undefined) return [];
      desired.add(key);
      const intent = { key, object, head: headOf(object), body: bodyOf(object, bodies) };
      const before = situation.verified.get(key);
      const same = before !== undefined && before.head === intent.head && before.body === intent.body;
      if (same && live?.metadata.resourceVersion !== undefined && before.resourceVersion === live.metadata.resourceVersion) return [];
      if (live === undefined && situation.terminating.has(object.metadata.namespace ?? "")) return [];
      return [{ ...intent, heals: same, unseen: live === undefined }];
    });
  const roles = intents(situation.roles);
  const bindings = intents(situation.bindings);
  const accounted = new Set([...situation.inventory.map(objectKey), ...named]);
  const surplus = [...situation.inventory, ...withoutLabel(situation.verified, accounted)].filter(
    (object) => !desired.has(objectKey(object)) && (object.metadata.deletionTimestamp === undefined || grants(object)),
  );
  return {
    removeBindings: surplus.filter((object) => object.kind !== "ClusterRole"),
    roles,
    bindings,
    removeRoles: surplus.filter((object) => object.kind === "ClusterRole"),
    held,
  };
}

/** Whether RBAC goes by it: also an object in deletion grants what it says. */
export function grants(object: KubeObject): boolean {
  const { subjects, rules } = object as KubeObject & { readonly subjects?: readonly unknown[]; readonly rules?: readonly unknown[] | null };
  return (subjects ?? rules ?? []).length > 0;
}

/** Objects that were once as wanted and are not in the inventory any more: gone, or still there with the label taken off. */
function withoutLabel(verified: ReadonlyMap<string, Verified>, accounted: ReadonlySet<string>): KubeObject[] {
  return [...verified.keys()].filter((key) => !accounted.has(key)).map(objectOf);
}

function objectOf(key: string): KubeObject {
  const [kind = "", path = ""] = key.split(" ");
  const at = path.indexOf("/");
  const metadata = at < 0 ? { name: path } : { namespace: path.slice(0, at), name: path.slice(at + 1) };
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata };
}

/** An object that is believed to have been as wanted, in a state that nobody has seen: whatever it is now is looked at, and mending it is healing. */
export function believed(object: Desired): readonly [key: string, verified: Verified] {
  return [objectKey(object), { head: headOf(object), body: bodyOf(object, new Map()), resourceVersion: undefined }];
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

/** What an object says beside its name and its subjects or rules. Labels are the same on all of them. */
function headOf(object: Desired): string {
  return "roleRef" in object ? object.roleRef.name : "";
}

function bodyOf(object: Desired, bodies: Map<readonly unknown[], string>): string {
  const list: readonly unknown[] = "roleRef" in object ? object.subjects : object.rules;
  const known = bodies.get(list);
  if (known !== undefined) return known;
  const made = JSON.stringify(list);
  bodies.set(list, made);
  return made;
}
