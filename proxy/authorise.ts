// Step 4: may this person reach this cluster at all? What he may do there, the cluster itself decides. Pure.
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import type { User } from "../crds/v1alpha1/user.ts";
import { encodeGroup } from "../lib/access/group-name.ts";
import { groupSubject } from "../lib/access/names.ts";
import type { Authenticated } from "./authenticate.ts";
import { Refusal } from "./refusal.ts";

/** The person's groups that the cluster knows, as the cluster names them; sorted. */
export type KnownGroups = readonly string[];

/** `members`: undefined for a cluster that is not there. The answers for that and for a stranger are the same bytes. */
export function authorise(who: Authenticated, cluster: string, members: ClusterMembers | undefined): KnownGroups | Refusal {
  const scope = who.token.spec.clusters;
  if (scope !== undefined && !scope.includes(cluster)) {
    return new Refusal("OutOfScope", `forbidden: this token does not open the cluster "${cluster}"`);
  }
  const groups = members === undefined ? undefined : membership(who.user, members);
  return groups ?? new Refusal("NoAccess", `forbidden: User "${who.user.metadata.name}" has no access to a cluster "${cluster}"`);
}

// Objects of a cache never change, so what was worked out for a pair of them holds as long as both are there.
const memberships = new WeakMap<ClusterMembers, WeakMap<User, KnownGroups | "none">>();

/** The person's groups that the cluster knows; undefined when he is no member. */
export function membership(user: User, members: ClusterMembers): KnownGroups | undefined {
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
