// What bindings refer to, taken out of the caches for one pass: everything is read before anything is judged.
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { GlobalRole } from "../../crds/v1alpha1/globalrole.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import type { Sources, SubjectSource } from "../../lib/access/compile-binding.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";

/** Users are taken one by one, since there are many; of the other kinds there are few. */
export function sourcesFor(subjects: Iterable<SubjectSource>, read: Reader): Sources {
  const users = new Map<string, User>();
  for (const { kind, name } of subjects) {
    if (kind !== "User" || users.has(name)) continue;
    const user = read.get(User, name);
    // Unknown is not absent: withdrawing access because a list failed would be an order that nobody gave.
    if (user.is === "unreadable") throw new Error(user.because);
    if (user.is === "present") users.set(name, user.value);
  }
  const [providers, templates, globalRoles] = [all(AuthProvider, read), all(ClusterRoleTemplate, read), all(GlobalRole, read)];
  return {
    user: (name) => users.get(name),
    provider: (name) => providers.get(name),
    template: (name) => templates.get(name),
    globalRole: (name) => globalRoles.get(name),
  };
}

const all = <T extends KubeObject>(kind: Kind<T>, read: Reader): ReadonlyMap<string, T> =>
  new Map(read.list(kind).map((object) => [object.metadata.name, object]));
