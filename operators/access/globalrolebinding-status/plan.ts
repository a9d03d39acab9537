import { Accepted, type GlobalRoleBinding } from "../../../crds/v1alpha1/globalrolebinding.ts";
import { evaluateGlobalBinding, factsOf, type Sources } from "../../../lib/access/compile-binding.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { statusOf } from "../status.ts";

export interface Observed {
  readonly sources: Sources;
}

export function plan(binding: GlobalRoleBinding, { sources }: Observed, now: Date): Plan<never> {
  return statusOf(Accepted.type, evaluateGlobalBinding(binding, factsOf(sources, now)), now, sources.gaps);
}
