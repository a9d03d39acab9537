import { Accepted, type AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

const DIRECTORIES = ["activeDirectory", "ldap", "github", "oidc"] as const;

/** Nothing outside the object bears on a local provider: the passwords are the Users' own. */
export function plan({ spec }: AuthProvider): Plan<never> {
  const type = DIRECTORIES.find((one) => spec[one] !== undefined);
  if (type === undefined)
    return { conditions: [{ type: Accepted.type, status: "True", reason: Accepted.Accepted, message: "" }], finalizer: "none" };
  const message = `nobody can log in through ${type} in this version; use type local`;
  return { conditions: [{ type: Accepted.type, status: "False", reason: Accepted.Unsupported, message }], finalizer: "none" };
}
