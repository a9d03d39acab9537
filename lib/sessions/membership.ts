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
/** The same for all clusters: whoever is in hundreds of groups is looked up in a thousand clusters at once. */
const groupsByUser = new WeakMap<User, ReadonlySet<string>>();

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
  let mine = groupsByUser.get(user);
  if (mine === undefined) {
    mine = groupsOf(user);
    groupsByUser.set(user, mine);
  }
  const known = (spec.groups ?? []).filter((group) => mine.has(group)).sort();
  const isMember = spec.everyone === true || known.length > 0 || (spec.users ?? []).includes(user.metadata.name);
  return isMember ? known : "none";
}

/** As a cluster names them; those that cannot be named safely are left out. */
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
