// Who may reach a cluster, evaluated in the same way by auth and the proxy. Pure.
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { encodeGroup } from "../access/group-name.ts";
import { groupSubject } from "../access/names.ts";

/** The user's groups that a cluster's ClusterMembers name, as RBAC subjects; sorted. */
export type MemberGroups = readonly string[];

// Objects in a cache never change, so a result for a pair of them holds for as long as both are there.
const memberships = new WeakMap<ClusterMembers, WeakMap<User, MemberGroups | "none">>();
/** A user's groups are encoded once for all clusters: a user in hundreds of groups is looked up in a thousand clusters at once. */
const groupsByUser = new WeakMap<User, ReadonlySet<string>>();

/** undefined: the ClusterMembers name neither the user nor a group of theirs, or there are none. */
export function membership(user: User, members: ClusterMembers | undefined): MemberGroups | undefined {
  if (members === undefined) return undefined;
  let ofCluster = memberships.get(members);
  if (ofCluster === undefined) {
    ofCluster = new WeakMap();
    memberships.set(members, ofCluster);
  }
  let groups = ofCluster.get(user);
  if (groups === undefined) {
    groups = evaluate(user, members);
    ofCluster.set(user, groups);
  }
  return groups === "none" ? undefined : groups;
}

/** Whether the token may be used for the cluster. */
export const isInScope = ({ spec: { clusters } }: Token, cluster: string): boolean => clusters === undefined || clusters.includes(cluster);

function evaluate(user: User, { spec }: ClusterMembers): MemberGroups | "none" {
  let ownGroups = groupsByUser.get(user);
  if (ownGroups === undefined) {
    ownGroups = groupsOf(user);
    groupsByUser.set(user, ownGroups);
  }
  const groups = (spec.groups ?? []).filter((group) => ownGroups.has(group)).sort();
  const isMember = spec.everyone === true || groups.length > 0 || (spec.users ?? []).includes(user.metadata.name);
  return isMember ? groups : "none";
}

/** As RBAC subjects. Groups whose names cannot be encoded safely are left out. */
function groupsOf(user: User): ReadonlySet<string> {
  const named = new Set<string>();
  for (const { provider, names } of user.status?.groups ?? []) {
    for (const name of names ?? []) {
      const encoded = encodeGroup(name);
      if (encoded !== undefined) named.add(groupSubject(provider, encoded));
    }
  }
  return named;
}
