// What two versions of a set, or of a template, both grant. Pure.
import { intersectRules } from "../../lib/access/intersect-rules.ts";
import type { SeenSet, SeenTemplate } from "./known.ts";

type Binding = SeenSet["bindings"][number];
type Subject = Binding["subjects"][number];

/** `base` without the grants that `now` does not have; what has an end date in both ends at the earlier one. */
export function reduceSet(base: SeenSet, now: SeenSet): SeenSet {
  // A set of another project of the same name withdraws everything that this one grants.
  const sameProject = base.project?.uid === now.project?.uid && base.scope === now.scope;
  const index = base.index && {
    sets: base.index.sets.filter((name) => now.index?.sets.includes(name)),
    teardown: now.index?.teardown ?? false,
  };
  return { ...base, bindings: sameProject ? reduceBindings(base.bindings, now.bindings) : [], ...(index && { index }) };
}

/** `base` without the rules and capabilities that `now` does not have. */
export function reduceTemplate(base: SeenTemplate, now: SeenTemplate): SeenTemplate {
  return {
    ...base,
    accepted: base.accepted && now.accepted && base.context === now.context && base.externalClusterRole === now.externalClusterRole,
    rules: intersectRules(base.rules, now.rules),
    capabilities: base.capabilities.filter((capability) => now.capabilities.includes(capability)),
  };
}

export function withoutGrants({ index, ...set }: SeenSet): SeenSet {
  return { ...set, bindings: [], ...(index && { index: { ...index, sets: [] } }) };
}

function reduceBindings(base: readonly Binding[], now: readonly Binding[]): readonly Binding[] {
  const said = new Map(now.map(({ template, subjects }) => [template, new Map(subjects.map((subject) => [nameOf(subject), subject]))]));
  return base.flatMap(({ template, subjects }) => {
    const others = said.get(template);
    const kept = subjects.flatMap((subject) => {
      const other = others?.get(nameOf(subject));
      return other === undefined ? [] : [endingFirst(subject, other)];
    });
    return kept.length === 0 ? [] : [{ template, subjects: kept }];
  });
}

const nameOf = ({ kind, namespace, name }: Subject): string => `${kind}\n${namespace ?? ""}\n${name}`;

const endOf = ({ expiresAt }: Subject): number => (expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt));
const endingFirst = (a: Subject, b: Subject): Subject => (endOf(b) < endOf(a) ? b : a);
