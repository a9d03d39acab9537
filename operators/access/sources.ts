// What bindings refer to, taken out of the caches for one pass: everything is read before anything is evaluated.
// A reconciler takes here only kinds that it also watches, since it waits for no others to be listed before it begins.
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { GlobalRole } from "../../crds/v1alpha1/globalrole.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import type { Sources, SubjectSource } from "../../lib/access/compile-binding.ts";
import { HUB } from "../../lib/access/names.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";

/** For evaluations that need only some of the kinds. */
export const NO_SOURCES: Sources = {
  user: () => undefined,
  provider: () => undefined,
  template: () => undefined,
  globalRole: () => undefined,
  gaps: [],
};

/** Users are taken one by one, since there are many; of the other kinds there are few. */
export function peopleIn(subjects: Iterable<SubjectSource>, read: Reader): Pick<Sources, "user" | "provider"> {
  const users = new Map<string, User>();
  for (const { kind, name } of subjects) {
    if (kind !== "User" || users.has(name)) continue;
    const user = read.get(User, name);
    // Unknown is not absent: a list that failed must not revoke anybody's access.
    if (user.is === "unreadable") throw new Error(user.because);
    if (user.is === "present") users.set(name, user.value);
  }
  const providers = all(AuthProvider, read);
  return { user: (name) => users.get(name), provider: (name) => providers.get(name) };
}

export function templatesIn(read: Reader): Pick<Sources, "template"> {
  const templates = all(ClusterRoleTemplate, read);
  return { template: (name) => templates.get(name) };
}

export function globalRolesIn(read: Reader): Pick<Sources, "globalRole"> {
  const roles = all(GlobalRole, read);
  return { globalRole: (name) => roles.get(name) };
}

/** Milliseconds since 1970: when somebody last accepted that the hub had been restored from a backup. */
export function restoreAcceptedAt(read: Reader): number | undefined {
  const hub = read.get(Cluster, HUB);
  if (hub.is === "unreadable") throw new Error(hub.because);
  const time = hub.is === "present" ? hub.value.spec.restoreAcceptedAt : undefined;
  return time === undefined ? undefined : Date.parse(time);
}

const all = <T extends KubeObject>(kind: Kind<T>, read: Reader): ReadonlyMap<string, T> =>
  new Map(read.list(kind).map((object) => [object.metadata.name, object]));
