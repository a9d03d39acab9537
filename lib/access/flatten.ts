// Flattens a ClusterRoleTemplate: its rules and capabilities with everything that it inherits, or the reason why it grants nothing.
import type { ReasonOf } from "../../crds/schema/condition.ts";
import type { Accepted } from "../../crds/v1alpha1/clusterroletemplate.ts";
import type { ObjectMeta, PolicyRule } from "../kube/object.ts";
import { PART_BYTES } from "./packing.ts";
import { RESERVED_TEMPLATES } from "./render-rules.ts";

/** The fields of a ClusterRoleTemplate that flattening reads. */
export interface TemplateSource {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly context: "Cluster" | "Project";
    readonly rules?: readonly PolicyRule[];
    readonly capabilities?: readonly string[];
    readonly inherits?: readonly string[];
    readonly externalClusterRole?: string;
  };
}

/** A lookup rather than a list, because callers have templates in caches. */
export type Templates = Pick<ReadonlyMap<string, TemplateSource>, "get">;

export type FlattenRefusal = Exclude<ReasonOf<typeof Accepted>, "Accepted" | "Unreadable">;

export type Flattened =
  | { readonly accepted: true; readonly rules: readonly PolicyRule[]; readonly capabilities: readonly string[] }
  | { readonly accepted: false; readonly reason: FlattenRefusal; readonly message: string };

/** The most rules that the status of a template can hold. */
export const MAX_RULES = 500;

/**
 * Rules and capabilities of a template and of all its ancestors, sorted and without duplicates. If any ancestor is missing, external,
 * of the other context or part of a cycle, the template grants nothing: nobody intends half a role.
 */
export function flatten(template: TemplateSource, templates: Templates): Flattened {
  const own = refusalOfOne(template);
  if (own) return own;
  const ancestry = ancestorsOf(template, templates);
  if ("refusal" in ancestry) return ancestry.refusal;
  const members = [template, ...ancestry.found];
  const rules = new Map(members.flatMap(({ spec }) => spec.rules ?? []).map((rule) => canonical(rule)));
  if (rules.size > MAX_RULES) {
    return refuse("TooLarge", `${rules.size} rules with everything inherited; at most ${MAX_RULES} are allowed: split the template`);
  }
  let bytes = 0;
  for (const text of rules.keys()) bytes += text.length;
  if (bytes > PART_BYTES) {
    return refuse(
      "TooLarge",
      `more than ${PART_BYTES / 1024} KiB of rules with everything inherited: split the template, or name fewer resources`,
    );
  }
  return {
    accepted: true,
    rules: [...rules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule),
    capabilities: [...new Set(members.flatMap(({ spec }) => spec.capabilities ?? []))].sort(),
  };
}

/** Names of all templates whose flattening reads the given one: itself, and every template that inherits it, directly or not. */
export function dependentsOf(name: string, templates: Iterable<TemplateSource>): readonly string[] {
  const children = new Map<string, string[]>();
  for (const { metadata, spec } of templates) {
    for (const parent of spec.inherits ?? []) children.set(parent, [...(children.get(parent) ?? []), metadata.name]);
  }
  const found = new Set([name]);
  for (const dependent of found) for (const child of children.get(dependent) ?? []) found.add(child);
  return [...found].sort();
}

/** Depth first with an explicit stack, so that a long chain does not overflow the call stack. */
function ancestorsOf(template: TemplateSource, templates: Templates): { found: readonly TemplateSource[] } | { refusal: Flattened } {
  const found = new Map<string, TemplateSource>();
  const stack = [{ at: template, parents: parentsOf(template) }];
  const open = new Set([template.metadata.name]);
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const name = top.parents.pop();
    if (name === undefined) {
      open.delete(top.at.metadata.name);
      stack.pop();
      continue;
    }
    const chain = () => way([...open, name]);
    if (open.has(name)) return { refusal: refuse("InheritanceCycle", `inherits itself: ${chain()}`) };
    if (found.has(name)) continue;
    const parent = templates.get(name);
    if (!parent || parent.metadata.deletionTimestamp) {
      return { refusal: refuse("ParentNotFound", `inherits a template that does not exist: ${chain()}`) };
    }
    const refusal = refusalOfParent(template, parent, chain);
    if (refusal) return { refusal };
    found.set(name, parent);
    open.add(name);
    stack.push({ at: parent, parents: parentsOf(parent) });
  }
  return { found: [...found.values()] };
}

/** A chain of inheritance for a message; a long one is shortened in the middle. */
const way = (names: readonly string[]): string => (names.length > 10 ? [...names.slice(0, 4), "…", ...names.slice(-4)] : names).join(" → ");

/** Sorted in reverse, because names are taken from the end. So the first refusal does not depend on the order in the spec. */
const parentsOf = ({ spec }: TemplateSource): string[] => [...new Set(spec.inherits ?? [])].sort().reverse();

function refusalOfParent(child: TemplateSource, parent: TemplateSource, chain: () => string): Flattened | undefined {
  if (parent.spec.context !== child.spec.context) {
    return refuse("ContextMismatch", `has context ${child.spec.context}, but inherits one of context ${parent.spec.context}: ${chain()}`);
  }
  if (parent.spec.externalClusterRole !== undefined) {
    return refuse(
      "ParentExternal",
      `inherits a template that names a ClusterRole of the managed clusters, whose rules the hub does not know: ${chain()}`,
    );
  }
  const own = refusalOfOne(parent);
  return own && !own.accepted ? refuse("ParentNotAccepted", `inherits a template that is refused: ${chain()}: ${own.message}`) : undefined;
}

/** Checks a template without its ancestors. The schema refuses the same where it can. */
function refusalOfOne({ metadata, spec }: TemplateSource): Flattened | undefined {
  if (RESERVED_TEMPLATES.has(metadata.name)) {
    return refuse("NameReserved", `drover:${metadata.name} is a role of Drover's own: choose another name`);
  }
  const { externalClusterRole } = spec;
  if (externalClusterRole?.startsWith("drover:")) {
    return refuse(
      "ExternalRoleRefused",
      `${externalClusterRole} is one of Drover's own roles: inherit the template instead of naming its ClusterRole`,
    );
  }
  return undefined;
}

const refuse = (reason: FlattenRefusal, message: string) => ({ accepted: false, reason, message }) as const;

/** The canonical form of a rule: fields in a fixed order, lists sorted and without duplicates. */
function canonical(rule: PolicyRule): readonly [string, PolicyRule] {
  const list = (name: string, values: readonly string[] | undefined) => values && { [name]: [...new Set(values)].sort() };
  const made: PolicyRule = {
    ...list("apiGroups", rule.apiGroups),
    ...list("resources", rule.resources),
    // To RBAC an empty list of names means every name, as an absent list does.
    ...(rule.resourceNames?.length && list("resourceNames", rule.resourceNames)),
    ...list("nonResourceURLs", rule.nonResourceURLs),
    verbs: [...new Set(rule.verbs)].sort(),
  };
  return [JSON.stringify(made), made];
}
