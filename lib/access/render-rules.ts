// Turns the rules of a template into the rules of its ClusterRole in a managed cluster. Rules that have no effect in a project are left out and
// reported. Drover's own paths are granted by capabilities only, whatever wildcards a template contains.
import { ACCOUNT_NAMES } from "../components/components.ts";
import type { PolicyRule } from "../kube/object.ts";
import { AGENT_BASE_ROLE, HUB_ROLE, PATH, templateRole } from "./names.ts";

/** A template from the hub, with flattened rules. */
export interface FlattenedTemplate {
  readonly name: string;
  readonly context: "Cluster" | "Project";
  readonly accepted: boolean;
  readonly rules: readonly PolicyRule[];
  readonly capabilities: readonly string[];
  readonly externalClusterRole?: string;
}

/** The rules to apply, and messages about the rules left out. */
export interface RenderedRules {
  readonly rules: readonly PolicyRule[];
  readonly skipped: readonly string[];
}

/**
 * Names that no template may have: each is rendered as ClusterRole `drover:<name>`, and these are Drover's own there, in managed clusters
 * or on the hub. A test in deploy/ compares them with what is deployed.
 */
export const RESERVED_TEMPLATES: ReadonlySet<string> = new Set([
  ...ACCOUNT_NAMES,
  ...[AGENT_BASE_ROLE, ...Object.values(HUB_ROLE)].map((role) => role.slice(templateRole("").length)),
]);

/** The verbs of HTTP requests on paths, which do not include `use`, the verb of Drover's own paths. */
const HTTP_VERBS = ["get", "head", "post", "put", "patch", "delete", "options"];
const OWN_PATHS = "/drover.dev/";

/** Rules of a template that is bound cluster-wide, with the paths of its capabilities. */
export function clusterRules(template: FlattenedTemplate): RenderedRules {
  const rules = [...template.rules.flatMap(withoutOwnPaths), ...capabilityRules(template.capabilities)];
  return { rules, skipped: [] };
}

/**
 * Rules of a template that is bound in the namespaces of projects. A RoleBinding grants nothing on cluster-scoped resources
 * and paths, so those are left out and reported. `namespaces` stays, because RBAC treats a request for one namespace as inside it.
 */
export function projectRules(template: FlattenedTemplate, clusterScoped: ReadonlySet<string>): RenderedRules {
  const dropped = new Set<string>();
  const rules = template.rules.flatMap((rule) => {
    for (const url of rule.nonResourceURLs ?? []) dropped.add(url);
    if (rule.resources === undefined) return [];
    const { nonResourceURLs: _, ...rest } = rule;
    const kept = rule.resources.filter((resource) => {
      const scope = scopeOf(rule.apiGroups ?? [], resource, clusterScoped);
      if (scope !== "namespaced") dropped.add(resource);
      return scope !== "cluster";
    });
    return kept.length === 0 ? [] : [{ ...rest, resources: kept }];
  });
  if (dropped.size === 0) return { rules, skipped: [] };
  return { rules, skipped: [`rules on cluster-scoped resources give nothing in a project: ${[...dropped].sort().join(", ")}`] };
}

/** The rules for creating namespaces in a project; bound cluster-wide, because a new namespace is in none. */
export function createNamespacesRules(project: string): readonly PolicyRule[] {
  return [
    { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
    { nonResourceURLs: [PATH.projectNamespaces(project)], verbs: ["use"] },
  ];
}

/** The key of a resource in the set of cluster-scoped resources: "<group>/<plural>", "/nodes" for the core group. */
export const scopedResource = (group: string, resource: string): string => `${group}/${resource}`;

function scopeOf(groups: readonly string[], resource: string, clusterScoped: ReadonlySet<string>): "cluster" | "some" | "namespaced" {
  const [plural = ""] = resource.split("/");
  if (plural === "*" || plural === "namespaces") return "namespaced";
  if (groups.includes("*")) {
    for (const scoped of clusterScoped) if (scoped.endsWith(`/${plural}`)) return "some";
    return "namespaced";
  }
  const hits = groups.filter((group) => clusterScoped.has(scopedResource(group, plural))).length;
  if (hits === 0) return "namespaced";
  return hits === groups.length ? "cluster" : "some";
}

function capabilityRules(capabilities: readonly string[]): PolicyRule[] {
  const rules: PolicyRule[] = [];
  const paths: string[] = [];
  if (capabilities.includes("CreateNamespaces")) {
    rules.push({ apiGroups: [""], resources: ["namespaces"], verbs: ["create"] });
    paths.push("/drover.dev/projects/*");
  }
  if (capabilities.includes("ClaimNamespaces")) paths.push(PATH.claimNamespaces);
  if (capabilities.includes("ChangePodSecurity")) paths.push(PATH.podSecurity);
  if (paths.length > 0) rules.push({ nonResourceURLs: paths, verbs: ["use"] });
  return rules;
}

/** A rule on paths keeps its HTTP verbs; `use` on Drover's own paths comes from capabilities alone. */
function withoutOwnPaths(rule: PolicyRule): PolicyRule[] {
  if (!rule.nonResourceURLs?.some(coversOwnPaths)) return [rule];
  const verbs = rule.verbs.includes("*") ? HTTP_VERBS : rule.verbs.filter((verb) => verb !== "use");
  const urls = rule.nonResourceURLs.filter((url) => !url.startsWith(OWN_PATHS));
  return verbs.length === 0 || urls.length === 0 ? [] : [{ ...rule, nonResourceURLs: urls, verbs }];
}

function coversOwnPaths(url: string): boolean {
  if (url.startsWith(OWN_PATHS)) return true;
  return url.endsWith("*") && OWN_PATHS.startsWith(url.slice(0, -1));
}
