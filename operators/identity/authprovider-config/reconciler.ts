// authprovider-config
// Reports for each AuthProvider whether users can log in through it. Exists because this version knows provider `local` only: nobody is to wait
// for logins through another one. Assumes nothing outside the object.
import { Accepted, AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { Reconciler } from "../../../lib/reconcile/contract.ts";
import { READY } from "../../../lib/reconcile/ready.ts";
import { plan } from "./plan.ts";

export const authproviderConfig: Reconciler<AuthProvider, undefined, never> = {
  name: "authprovider-config",
  subject: AuthProvider,
  watches: [],
  owns: { conditions: [Accepted.type, READY], kinds: [] },
  permissions: [
    { apiGroups: [GROUP], resources: ["authproviders"], verbs: ["get", "list", "watch"] },
    { apiGroups: [GROUP], resources: ["authproviders/status"], verbs: ["get", "patch"] },
  ],
  observe: async () => undefined,
  plan,
};
