// Step 4: may this person reach this cluster at all? What they may do there, the cluster itself decides. Pure.
import type { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import { isInScope, type KnownGroups, membership } from "../lib/sessions/membership.ts";
import type { Authenticated } from "./authenticate.ts";
import { Refusal } from "./refusal.ts";

/** `members`: undefined for a cluster that is not there. The answers for that and for a stranger are the same bytes. */
export function authorise({ token, user }: Authenticated, cluster: string, members: ClusterMembers | undefined): KnownGroups | Refusal {
  if (!isInScope(token, cluster)) return new Refusal("OutOfScope", `forbidden: this token does not open the cluster "${cluster}"`);
  return (
    membership(user, members) ?? new Refusal("NoAccess", `forbidden: User "${user.metadata.name}" has no access to a cluster "${cluster}"`)
  );
}
