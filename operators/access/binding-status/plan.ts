import { Accepted } from "../../../crds/v1alpha1/binding.ts";
import { type BindingSource, type Evaluation, evaluateBinding, factsOf, tooMany } from "../../../lib/access/compile-binding.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";
import { statusOf } from "../status.ts";
import type { Observed } from "./observe.ts";

export function plan(binding: KubeObject & BindingSource, observed: Observed, now: Date): Plan<never> {
  return statusOf(Accepted.type, evaluate(binding, observed, now), now, observed.sources.gaps);
}

function evaluate(binding: BindingSource, { context, outOfScope, beyondLimit, sources }: Observed, now: Date): Evaluation {
  if (outOfScope !== "") return { accepted: false, reason: Accepted.ScopeNotFound, message: outOfScope };
  if (beyondLimit) return tooMany(binding.spec.template);
  return evaluateBinding(binding, context, factsOf(sources, now));
}
