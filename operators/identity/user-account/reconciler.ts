// user-account
// Reports for each User whether they can log in, and keeps plain passwords out of the hub: key `password` of their Secret in drover-system is
// replaced by its hash in place, also in the last-applied annotation. Assumes that logins go by the hash only.
import { AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import { Accepted, User } from "../../../crds/v1alpha1/user.ts";
import { GROUP } from "../../../lib/access/names.ts";
import { Secret } from "../../../lib/kube/core.ts";
import type { Key } from "../../../lib/kube/object.ts";
import type { Reader, Reconciler, Watch } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import { type Observed, observe } from "./observe.ts";
import { type AccountStatus, plan } from "./plan.ts";

const whoseSecret: Watch<Secret> = {
  kind: Secret,
  toSubjects: (secret, read) => usersWith(read, (name) => name === secret.metadata.name),
};

/** Another minimal length, or another provider's claim on a Secret, concerns everybody with a password of their own. */
const whoHasPassword: Watch<AuthProvider> = {
  kind: AuthProvider,
  toSubjects: (_provider, read) => usersWith(read, () => true),
};

export const userAccount: Reconciler<User, Observed, AccountStatus> = {
  name: "user-account",
  subject: User,
  watches: [whoseSecret, whoHasPassword],
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["users"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["users/status"], verbs: ["get", "patch"] },
    { apiGroups: [GROUP], resources: ["authproviders"], verbs: ["get", "list", "watch"] },
  ],
  observe,
  plan,
};

function usersWith(read: Reader, wanted: (secretName: string) => boolean): readonly Key[] {
  return read
    .list(User)
    .filter(({ spec }) => spec.local !== undefined && wanted(spec.local.passwordSecret.name))
    .map(({ metadata: { name } }) => ({ name }));
}
