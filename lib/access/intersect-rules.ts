// Intersects two lists of RBAC rules, to grant no more than either of two versions of a role. Pure.
import type { PolicyRule } from "../kube/object.ts";

/** Rules that allow a request exactly if both lists do. Rules that both lists contain come first. */
export function intersectRules(a: readonly PolicyRule[], b: readonly PolicyRule[]): readonly PolicyRule[] {
  const [inA, inB] = [byText(a), byText(b)];
  // Identical rules need no pairwise intersection, and two versions of one role share nearly all rules.
  const both = [...inA].filter(([text]) => inB.has(text));
  const onlyA = [...inA].filter(([text]) => !inB.has(text));
  const onlyB = [...inB].filter(([text]) => !inA.has(text));
  const crossed = onlyA.flatMap(([, one]) => onlyB.flatMap(([, other]) => [...resourcesOf(one, other), ...pathsOf(one, other)]));
  return [...byText([...both.map(([, rule]) => rule), ...crossed]).values()];
}

const byText = (rules: readonly PolicyRule[]): ReadonlyMap<string, PolicyRule> =>
  new Map(rules.map((rule) => [JSON.stringify(rule), rule]));

function resourcesOf(a: PolicyRule, b: PolicyRule): PolicyRule[] {
  const apiGroups = common(a.apiGroups, b.apiGroups, covers);
  const resources = common(a.resources, b.resources, coversResource);
  const verbs = common(a.verbs, b.verbs, covers);
  if (apiGroups.length === 0 || resources.length === 0 || verbs.length === 0) return [];
  // An empty list means all names.
  const [namesA = [], namesB = []] = [a.resourceNames, b.resourceNames];
  const resourceNames = namesA.length === 0 ? namesB : namesB.length === 0 ? namesA : namesA.filter((name) => namesB.includes(name));
  if (resourceNames.length === 0 && namesA.length + namesB.length > 0) return [];
  return [{ apiGroups, resources, verbs, ...(resourceNames.length > 0 && { resourceNames }) }];
}

function pathsOf(a: PolicyRule, b: PolicyRule): PolicyRule[] {
  const nonResourceURLs = common(a.nonResourceURLs, b.nonResourceURLs, coversPath);
  const verbs = common(a.verbs, b.verbs, covers);
  return nonResourceURLs.length === 0 || verbs.length === 0 ? [] : [{ nonResourceURLs, verbs }];
}

/** Entries of either list that an entry of the other covers. Of two overlapping patterns, one always covers the other. */
function common(a: readonly string[] = [], b: readonly string[] = [], covering: (pattern: string, of: string) => boolean): string[] {
  const within = (some: readonly string[], others: readonly string[]) => some.filter((one) => others.some((other) => covering(other, one)));
  return [...new Set([...within(a, b), ...within(b, a)])];
}

const covers = (pattern: string, of: string): boolean => pattern === "*" || pattern === of;

// "*" covers everything; "*" with a subresource covers that subresource of every resource.
const coversResource = (pattern: string, of: string): boolean =>
  covers(pattern, of) || (pattern.startsWith("*/") && of.endsWith(pattern.slice(1)));

const coversPath = (pattern: string, of: string): boolean =>
  covers(pattern, of) || (pattern.endsWith("*") && of.startsWith(pattern.slice(0, -1)));
