// Splits the members of a cluster over ClusterMembers objects of a size that etcd accepts, and reads them back as one object.
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { membersPart } from "./names.ts";
import { type Item, pack } from "./packing.ts";

type Spec = ClusterMembers["spec"];
export type Members = Omit<Spec, "parts">;

interface Member extends Item {
  readonly name: string;
  readonly isGroup: boolean;
}

/** Parts with sorted names, and the number of members that do not fit into the allowed parts. */
export interface MemberParts {
  readonly parts: readonly { readonly name: string; readonly spec: Spec }[];
  readonly leftOut: number;
}

/** The first part carries `everyone`. A member stays in its part, so that nobody loses access between two writes. */
export function memberParts(
  { users, groups, everyone }: Members,
  previous: readonly Pick<ClusterMembers, "metadata" | "spec">[],
): MemberParts {
  const placement = new Map<string, number>();
  const places = new Map(Array.from({ length: previous.length }, (_, index) => [membersPart(index + 1), index]));
  for (const { metadata, spec } of previous) {
    const place = places.get(metadata.name);
    if (place === undefined) continue;
    for (const { key } of [...itemsOf(spec.users, false), ...itemsOf(spec.groups, true)]) placement.set(key, place);
  }
  const { parts, leftOut } = pack([...itemsOf(users, false), ...itemsOf(groups, true)], placement);
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

/** Whether a part lists fewer members than before. */
export function removesMembers(now: Spec, before: Spec | undefined): boolean {
  if (before === undefined) return false;
  const inside = new Set([...now.users, ...now.groups]);
  return (before.everyone && !now.everyone) || [...before.users, ...before.groups].some((name) => !inside.has(name));
}

const itemsOf = (names: readonly string[] = [], isGroup: boolean): readonly Member[] =>
  names.map((name) => ({ key: `${isGroup ? "g" : "u"} ${name}`, bytes: name.length + 3, name, isGroup }));

/** Merged objects by their first part. This relies on cached objects never being modified. */
const merged = new WeakMap<ClusterMembers, { readonly parts: readonly (ClusterMembers | undefined)[]; readonly whole: ClusterMembers }>();

/**
 * The members of a cluster in one object; undefined when there are none. `find` looks up a ClusterMembers in the cluster's namespace by
 * name. A missing part adds no members, and parts beyond the count of the first part are ignored. While the parts are the same objects, the
 * result is the same object.
 */
export function wholeMembers(find: (name: string) => ClusterMembers | undefined): ClusterMembers | undefined {
  const first = find(membersPart(1));
  const count = first?.spec.parts ?? 1;
  if (first === undefined || count <= 1) return first;
  const parts = Array.from({ length: count - 1 }, (_, index) => find(membersPart(index + 2)));
  const cached = merged.get(first);
  if (cached?.parts.every((part, index) => part === parts[index])) return cached.whole;
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
