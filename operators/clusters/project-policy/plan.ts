import { PolicyApplied, type Project } from "../../../crds/v1alpha1/project.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

const POLICIES = ["podSecurity", "quota", "limits", "isolation"] as const;

export function plan({ spec }: Project): Plan<never> {
  const asked = POLICIES.filter((policy) => spec[policy] !== undefined);
  const condition =
    asked.length === 0
      ? { status: "True" as const, reason: PolicyApplied.NothingAsked, message: "" }
      : {
          status: "False" as const,
          reason: PolicyApplied.Unsupported,
          message: `not applied in the managed cluster by this version: ${asked.join(", ")}`,
        };
  return { conditions: [{ type: PolicyApplied.type, ...condition }], finalizer: "none" };
}
