import { Accepted, type ClusterRoleTemplate } from "../../../crds/v1alpha1/clusterroletemplate.ts";
import { CAPABILITIES_IN_EFFECT } from "../../../crds/v1alpha1/rule.ts";
import { flatten, type TemplateSource } from "../../../lib/access/flatten.ts";
import { nextLineage, notBefore, TEMPLATE_BOUNDS } from "../../../lib/access/lineage.ts";
import type { PolicyRule } from "../../../lib/kube/object.ts";
import type { Plan } from "../../../lib/reconcile/contract.ts";

export interface Observed {
  readonly templates: ReadonlyMap<string, TemplateSource>;
  readonly restoreAcceptedAt: number | undefined;
}

export interface Status {
  /** Both absent while the template is refused. */
  readonly rules?: readonly PolicyRule[];
  readonly capabilities?: readonly string[];
  readonly restoreAcceptedAt?: number;
  readonly history: readonly string[];
}

/** A refused template loses its flattened rules: agents must never read the rules of a template that is no longer accepted. */
export function plan(template: ClusterRoleTemplate, observed: Observed, now: Date): Plan<Status> {
  const { type } = Accepted;
  const result = flatten(template, observed.templates);
  if (!result.accepted) {
    const { reason, message } = result;
    return { conditions: [{ type, status: "False", reason, message }], status: descendant(template, {}, observed, now), finalizer: "none" };
  }
  const { rules, capabilities } = result;
  const message = withoutEffect(template);
  return {
    conditions: [{ type, status: "True", reason: Accepted.Accepted, message }],
    status: descendant(template, { rules, capabilities }, observed, now),
    finalizer: "none",
  };
}

/** Nothing is less safe without these, so the template is accepted, with a note. */
function withoutEffect({ spec }: ClusterRoleTemplate): string {
  const inert = (spec.capabilities ?? []).filter((capability) => !CAPABILITIES_IN_EFFECT.includes(capability));
  const fields = [...(spec.locked ? ["`locked`"] : []), ...(inert.length > 0 ? [`capabilities ${inert.join(", ")}`] : [])];
  return fields.length === 0 ? "" : `without effect in this version: ${fields.join("; ")}`;
}

/** What agents read, as it follows what they may know already. */
function descendant(
  { spec, status }: ClusterRoleTemplate,
  flattened: Omit<Status, "history">,
  { restoreAcceptedAt }: Observed,
  now: Date,
): Status {
  const said = { ...flattened, ...(restoreAcceptedAt !== undefined && { restoreAcceptedAt }) };
  const { externalClusterRole } = spec;
  const { history } = nextLineage(externalClusterRole === undefined ? said : { ...said, externalClusterRole }, {
    previous: status?.history ?? [],
    after: notBefore(now, restoreAcceptedAt),
    bounds: TEMPLATE_BOUNDS,
  });
  return { ...said, history };
}
