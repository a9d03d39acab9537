// Splits the grants of one scope over AccessSets, by bytes and by count. A grant stays in the part that it is in.
import type { AccessBinding, AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { pack } from "./packing.ts";
import type { SetSubject } from "./render-subjects.ts";

export type SetSpec = AccessSet["spec"];

/** One template granted to one subject. */
export interface Grant {
  readonly template: string;
  readonly subject: SetSubject;
}

/** Equal for grants of the same template to the same subject, whatever the end date. */
export const grantKey = ({ template, subject }: Grant): string => `${template}\n${subjectKey(subject)}`;

/** Grants by part (at least one), and the number of grants that do not fit into the allowed parts. Each grant stays in its part. */
export function partition(
  grants: readonly Grant[],
  previous: readonly (readonly AccessBinding[])[],
): { readonly parts: readonly (readonly AccessBinding[])[]; readonly leftOut: number } {
  const { parts, leftOut } = pack(
    grants.map((grant) => ({ key: grantKey(grant), bytes: bytesOf(grant), grant })),
    placementOf(previous),
  );
  return { parts: parts.map((items) => bindingsOf(items.map(({ grant }) => grant))), leftOut: leftOut.length };
}

/** An upper bound: as if the template were listed for this grant alone. */
const bytesOf = ({ template, subject }: Grant): number => JSON.stringify({ template, subjects: [subject] }).length + 1;

/** Keeps the order of the grants, which are sorted by template and subject. */
function bindingsOf(grants: readonly Grant[]): readonly AccessBinding[] {
  const byTemplate = Map.groupBy(grants, ({ template }) => template);
  return [...byTemplate].map(([template, all]) => ({ template, subjects: all.map(({ subject }) => subject) }));
}

function placementOf(previous: readonly (readonly AccessBinding[])[]): ReadonlyMap<string, number> {
  const placement = new Map<string, number>();
  for (const [part, bindings] of previous.entries()) {
    for (const { template, subjects } of bindings) for (const subject of subjects) placement.set(grantKey({ template, subject }), part);
  }
  return placement;
}

const subjectKey = ({ kind, namespace, name }: SetSubject): string => `${kind}\n${namespace ?? ""}\n${name}`;
