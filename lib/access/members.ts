// Who may reach a cluster, laid out over ClusterMembers objects that etcd takes, and read back as one.
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { membersPart } from "./names.ts";
import { type Item, pack } from "./packing.ts";

type Spec = ClusterMembers["spec"];
export type Members = Omit<Spec, "parts">;

interface Member extends Item {
  readonly name: string;
  readonly isGroup: boolean;
}

/** Sorted. Who is left out did not fit into as many parts as there may be. */
export interface MemberParts {
  readonly parts: readonly { readonly name: string; readonly spec: Spec }[];
  readonly leftOut: number;
}

/** Whether everyone is in says the first part. Whoever is in a part stays there: nobody is shut out between two writes. */
export function memberParts(
  { users, groups, everyone }: Members,
  previous: readonly Pick<ClusterMembers, "metadata" | "spec">[],
): MemberParts {
  const homes = new Map<string, number>();
  const places = new Map(Array.from({ length: previous.length }, (_, index) => [membersPart(index + 1), index]));
  for (const { metadata, spec } of previous) {
    const place = places.get(metadata.name);
    if (place === undefined) continue;
    for (const { key } of [...itemsOf(spec.users, false), ...itemsOf(spec.groups, true)]) homes.set(key, place);
  }
  const { parts, leftOut } = pack([...itemsOf(users, false), ...itemsOf(groups, true)], homes);
  const names = (members: readonly Member[], areGroups: boolean) =>
    members.filter(({ isGroup }) => isGroup === areGroups).map(({ name }) => name);
  return {
    parts: parts.map((members, index) => ({
      name: membersPart(index + 1),
      spec: {
        users: names(members, false),
        groups: names(members, true),
        everyone: everyone && index === 0,
        parts: index === 0 ? parts.length : 1,
      },
    })),
    leftOut: leftOut.length,
  };
}

/** Whether a part lets in fewer than it did. */
export function removesMembers(now: Spec, before: Spec | undefined): boolean {
  if (before === undefined) return false;
  const inside = new Set([...now.users, ...now.groups]);
  return (before.everyone && !now.everyone) || [...before.users, ...before.groups].some((name) => !inside.has(name));
}

const itemsOf = (names: readonly string[] = [], isGroup: boolean): readonly Member[] =>
  names.map((name) => ({ key: `${isGroup ? "g" : "u"} ${name}`, bytes: name.length + 3, name, isGroup }));

/** By first part: what was made of it and the others. Objects of a cache never change. */
const merged = new WeakMap<ClusterMembers, { readonly parts: readonly (ClusterMembers | undefined)[]; readonly whole: ClusterMembers }>();

/**
 * The members of a cluster, in one object; undefined when there are none. `find` looks a ClusterMembers of the cluster's namespace up by its
 * name. A part that is not there lets nobody in, and one that the first part does not count is not asked for. The same object as long as the
 * parts are the same ones.
 */
export function wholeMembers(find: (name: string) => ClusterMembers | undefined): ClusterMembers | undefined {
  const first = find(membersPart(1));
  const count = first?.spec.parts ?? 1;
  if (first === undefined || count <= 1) return first;
  const parts = Array.from({ length: count - 1 }, (_, index) => find(membersPart(index + 2)));
  const known = merged.get(first);
  if (known?.parts.every((part, index) => part === parts[index])) return known.whole;
  const all = [first, ...parts.filter((part) => part !== undefined)];
  const whole: ClusterMembers = {
    ...first,
    spec: {
      users: all.flatMap(({ spec }) => spec.users),
      groups: all.flatMap(({ spec }) => spec.groups),
      everyone: first.spec.everyone,
      parts: 1,
    },
  };
  merged.set(first, { parts, whole });
  return whole;
}
