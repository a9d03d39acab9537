import { Accepted, type ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { flatten, type TemplateSource } from "../../../lib/access/flatten.ts";
import type { PolicyRule } from "../../../lib/kube/object.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly templates: ReadonlyMap<string, TemplateSource>;
}

export interface Status {
  readonly rules: readonly PolicyRule[];
  readonly capabilities: readonly string[];
}

/** A refused template loses its flattened rules: what agents read must never outlive the judgement about it. */
export function plan(template: ClusterRoleTemplate, { templates }: Observed): Plan<Status> {
  const { type } = Accepted;
  const result = flatten(template, templates);
  if (!result.accepted) {
    const { reason, message } = result;
    return { conditions: [{ type, status: "False", reason, message }], finalizer: "none" };
  }
  const { rules, capabilities } = result;
  const message = template.spec.locked ? "`locked` is kept, and has no effect in this version" : "";
  return {
    conditions: [{ type, status: "True", reason: Accepted.Accepted, message }],
    status: { rules, capabilities },
    finalizer: "none",
  };
}
