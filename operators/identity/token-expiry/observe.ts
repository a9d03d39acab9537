import { AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import type { Token } from "../../../crds/v1alpha1/token.ts";
import { User } from "../../../crds/v1alpha1/user.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly user: Reading<User>;
  readonly provider: Reading<AuthProvider>;
}

export const observe = async ({ spec }: Token, read: Reader): Promise<Observed> => ({
  user: read.get(User, spec.user),
  provider: read.get(AuthProvider, spec.provider),
});
