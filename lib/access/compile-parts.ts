// How one scope's grants are laid out over AccessSets: split by bytes and by count, each subject staying in the part it is in.
import type { AccessBinding, AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { pack } from "./packing.ts";
import type { SetSubject } from "./render-subjects.ts";

export type SetSpec = AccessSet["spec"];

/** One template granted to one subject. */
export interface Grant {
  readonly template: string;
  readonly subject: SetSubject;
}

/** Equal for the same template and subject, whatever the end date. */
export const grantKey = ({ template, subject }: Grant): string => `${template}\n${subjectKey(subject)}`;

/** Grants by part, at least one part; and how many are left out, beyond what all parts hold. Whoever is in a part stays there. */
export function partition(
  grants: readonly Grant[],
  previous: readonly (readonly AccessBinding[])[],
): { readonly parts: readonly (readonly AccessBinding[])[]; readonly leftOut: number } {
  const { parts, leftOut } = pack(
    grants.map((grant) => ({ key: grantKey(grant), bytes: bytesOf(grant), grant })),
    homesOf(previous),
  );
  return { parts: parts.map((items) => bindingsOf(items.map(({ grant }) => grant))), leftOut: leftOut.length };
}

/** At most: as if its template were named for it alone. */
const bytesOf = ({ template, subject }: Grant): number => JSON.stringify({ template, subjects: [subject] }).length + 1;

/** Grants come sorted by template and subject, and stay so. */
function bindingsOf(grants: readonly Grant[]): readonly AccessBinding[] {
  const byTemplate = Map.groupBy(grants, ({ template }) => template);
  return [...byTemplate].map(([template, all]) => ({ template, subjects: all.map(({ subject }) => subject) }));
}

function homesOf(previous: readonly (readonly AccessBinding[])[]): ReadonlyMap<string, number> {
  const homes = new Map<string, number>();
  for (const [part, bindings] of previous.entries()) {
    for (const { template, subjects } of bindings) for (const subject of subjects) homes.set(grantKey({ template, subject }), part);
  }
  return homes;
}

const subjectKey = ({ kind, namespace, name }: SetSubject): string => `${kind}\n${namespace ?? ""}\n${name}`;
