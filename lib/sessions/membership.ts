// Who belongs to a cluster, for auth and the proxy alike. Pure.
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { Token } from "../../crds/v1alpha1/token.ts";
import type { User } from "../../crds/v1alpha1/user.ts";
import { encodeGroup } from "../access/group-name.ts";
import { groupSubject } from "../access/names.ts";

/** The person's groups that a cluster knows, as the cluster names them; sorted. */
export type KnownGroups = readonly string[];

// Objects of a cache never change, so what was worked out for a pair of them holds as long as both are there.
const memberships = new WeakMap<ClusterMembers, WeakMap<User, KnownGroups | "none">>();

/** The person's groups that the cluster knows; undefined when they are no member of it, or there is no such list. */
export function membership(user: User, members: ClusterMembers | undefined): KnownGroups | undefined {
  if (members === undefined) return undefined;
  let ofCluster = memberships.get(members);
  if (ofCluster === undefined) {
    ofCluster = new WeakMap();
    memberships.set(members, ofCluster);
  }
  let known = ofCluster.get(user);
  if (known === undefined) {
    known = workOut(user, members);
    ofCluster.set(user, known);
  }
  return known === "none" ? undefined : known;
}

/** Whether the token opens the cluster to whoever is a member of it. */
export const isInScope = ({ spec: { clusters } }: Token, cluster: string): boolean => clusters === undefined || clusters.includes(cluster);

function workOut(user: User, { spec }: ClusterMembers): KnownGroups | "none" {
  const mine = groupsOf(user);
  const groups = (spec.groups ?? []).filter((group) => mine.has(group)).sort();
  const isMember = spec.everyone === true || groups.length > 0 || (spec.users ?? []).includes(user.metadata.name);
  return isMember ? groups : "none";
}

/** As a cluster names them; those that cannot be named safely are left out. */
function groupsOf(user: User): ReadonlySet<string> {
  const groups = new Set<string>();
  for (const { provider, names } of user.status?.groups ?? []) {
    for (const name of names ?? []) {
      const encoded = encodeGroup(name);
      if (encoded !== undefined) groups.add(groupSubject(provider, encoded));
    }
  }
  return groups;
}
