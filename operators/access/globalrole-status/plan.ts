import { Accepted, type GlobalRole } from "../../../crds/v1alpha1/globalrole.ts";
import { factsOf, refusalOfGrant, type Sources } from "../../../lib/access/compile-binding.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly sources: Sources;
}

export function plan(role: GlobalRole, { sources }: Observed, now: Date): Plan<never> {
  const { type } = Accepted;
  const facts = factsOf(sources, now);
  const refusals = role.spec.grants.flatMap((grant) => refusalOfGrant(grant, facts) ?? []);
  const [first] = refusals;
  if (!first) return { conditions: [{ type, status: "True", reason: Accepted.Accepted, message: "" }], finalizer: "none" };
  const message = refusals.map((refusal) => refusal.message).join("; ");
  return { conditions: [{ type, status: "False", reason: first.reason, message }], finalizer: "none" };
}
