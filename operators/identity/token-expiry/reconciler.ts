// token-expiry
// Deletes each Token that has expired or is not valid any more (lib/sessions/session.ts).
// Exists to clean up. Assumes that the proxy and auth refuse such a token by themselves, without waiting for this.
import { AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import { Token } from "../../../crds/v1alpha1/token.ts";
import { User } from "../../../crds/v1alpha1/user.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reader, Reconciler } from "../../../lib/reconcile/contract.ts";
import { type Observed, observe } from "./observe.ts";
import { plan } from "./plan.ts";

/** Indexes that the cache of Tokens must have. */
export const BY_USER = "user";
export const BY_PROVIDER = "provider";

export const tokenExpiry: Reconciler<Token, Observed, never> = {
  name: "token-expiry",
  subject: Token,
  watches: [
    { kind: User, toSubjects: (user, read) => found(read, BY_USER, user.metadata.name) },
    { kind: AuthProvider, toSubjects: (provider, read) => found(read, BY_PROVIDER, provider.metadata.name) },
  ],
  owns: { conditions: [], kinds: [Token] },
  permissions: [
    { apiGroups: [GROUP], resources: ["tokens"], verbs: ["get", "list", "watch", "delete"] },
    { apiGroups: [GROUP], resources: ["users", "authproviders"], verbs: ["get", "list", "watch"] },
  ],
  observe,
  plan,
};

const found = (read: Reader, index: string, value: string) =>
  read.list(Token, { index: [index, value] }).map(({ metadata: { name } }) => ({ name }));
