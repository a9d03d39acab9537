// Renders compiled access into RBAC objects. Pure.
import type { KubeObject, PolicyRule } from "../kube/object.ts";
import { clusterBinding, MANAGED_BY, projectBinding, templateRole } from "./names.ts";
import { type Claim, type ManagedNamespace, membership, type Refused } from "./render-namespaces.ts";
import {
  clusterRules,
  createNamespacesRules,
  type FlattenedTemplate,
  projectRules,
  RESERVED_TEMPLATES,
  type RenderedRules,
} from "./render-rules.ts";
import { liveSubjects, type RbacSubject, type SetSubject } from "./render-subjects.ts";

/** The fields of an AccessSet that rendering reads. */
export interface CompiledSet {
  readonly name: string;
  readonly scope: "Cluster" | "Project" | "Hub";
  readonly project?: { readonly name: string; readonly uid: string };
  readonly part: number;
  readonly bindings: readonly { readonly template: string; readonly subjects: readonly SetSubject[] }[];
}

export interface RenderInput {
  /** The sets that the index lists. */
  readonly sets: readonly CompiledSet[];
  readonly templates: ReadonlyMap<string, FlattenedTemplate>;
  readonly namespaces: readonly ManagedNamespace[];
  /** "<group>/<plural>" of every cluster-scoped resource that the managed cluster serves. */
  readonly clusterScoped: ReadonlySet<string>;
  /** Names of the ClusterRoles in the managed cluster. An external role that does not exist is not bound, and is reported. */
  readonly clusterRoles: { has(name: string): boolean };
  readonly now: Date;
}

export interface RbacRole extends KubeObject {
  readonly rules: readonly PolicyRule[];
}

export interface RbacBinding extends KubeObject {
  readonly roleRef: { readonly apiGroup: string; readonly kind: "ClusterRole"; readonly name: string };
  readonly subjects: readonly RbacSubject[];
}

export interface Rendered {
  /** Apply roles before bindings: the escalation check refuses a binding to a missing role. Each list is sorted by namespace and name. */
  readonly roles: readonly RbacRole[];
  readonly bindings: readonly RbacBinding[];
  readonly claims: readonly Claim[];
  readonly skipped: readonly { readonly template: string; readonly message: string }[];
  readonly refused: readonly Refused[];
  /** Names of sets with a template that is missing or not accepted. */
  readonly waiting: readonly string[];
  /** RFC 3339: the next end date, at which to render again. */
  readonly nextEnd?: string;
}

const RBAC = "rbac.authorization.k8s.io";

/** Marks the objects that an agent may prune. The label managed-by alone is not enough, because other objects of Drover carry it too. */
export const INVENTORY_LABEL = "drover.dev/inventory";
export const RENDERED_LABELS = { ...MANAGED_BY, [INVENTORY_LABEL]: "access" } as const;

export function render(input: RenderInput): Rendered {
  const projects = projectUids(input.sets);
  const members = membership(input.namespaces, projects);
  const out = new Output();
  for (const refused of members.refused) out.refuse(refused);
  for (const set of [...input.sets].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const binding of set.bindings) {
      const template = usable(set, binding.template, input, out);
      if (template === undefined) continue;
      const live = liveSubjects(binding.subjects, set.scope === "Project", input.now);
      for (const message of live.refused) out.refuse({ object: `AccessSet ${set.name}`, message });
      if (live.nextEnd !== undefined) out.nextEnd = Math.min(out.nextEnd, live.nextEnd);
      if (live.subjects.length === 0) continue;
      if (set.scope === "Cluster") bindCluster(set, template, live.subjects, out);
      else bindProject({ set, template, subjects: live.subjects, namespaces: members.byProject, clusterScoped: input.clusterScoped }, out);
    }
  }
  return out.done(members.claims);
}

/**
 * Limit of namespaces in a project up to which its own users can create more. Each namespace costs the cluster an object for each template, so
 * one owner could otherwise overload the API server.
 */
export const MAX_NAMESPACES = 500;

/** The ClusterRole for creating namespaces in a project. Its name has three parts, so it cannot collide with the role of a template. */
export const createNamespacesRole = (project: string): string => `drover:${project}:create-namespaces`;

/** The groups in the sets: the only ones that the impersonator needs. */
export function groupsIn(sets: readonly CompiledSet[]): readonly string[] {
  const groups = new Set<string>();
  for (const set of sets) {
    for (const { subjects } of set.bindings) for (const { kind, name } of subjects) if (kind === "Group") groups.add(name);
  }
  return [...groups].sort();
}

function projectUids(sets: readonly CompiledSet[]): Map<string, string> {
  const uids = new Map<string, string>();
  for (const { scope, project } of sets) if (scope === "Project" && project) uids.set(project.name, project.uid);
  return uids;
}

/** The template, if this set may bind it. The agent checks again what the hub should never compile, refuses it and reports it. */
function usable(
  set: CompiledSet,
  name: string,
  { templates, clusterRoles }: Pick<RenderInput, "templates" | "clusterRoles">,
  out: Output,
): FlattenedTemplate | undefined {
  const refuse = (message: string) => void out.refuse({ object: `AccessSet ${set.name}`, message });
  if (set.scope === "Hub") return refuse("scope Hub has no meaning in this cluster");
  const template = templates.get(name);
  if (template === undefined || !template.accepted) return void out.waiting.add(set.name);
  if (set.scope === "Project" && set.project === undefined) return refuse("scope Project, but names no project");
  if (template.context !== set.scope) return refuse(`template ${name} is for context ${template.context}`);
  if (RESERVED_TEMPLATES.has(name)) return refuse(`template ${name} has the name of one of Drover's own roles: rename it`);
  const { externalClusterRole: external } = template;
  if (external?.startsWith("drover:")) {
    return refuse(`template ${name} names ${external}: roles of Drover's own are never bound as external ones`);
  }
  if (external !== undefined && !clusterRoles.has(external)) {
    return refuse(
      `template ${name} names ClusterRole ${external}, which does not exist in this cluster: once it is made, it is bound at once`,
    );
  }
  return template;
}

function bindCluster(set: CompiledSet, template: FlattenedTemplate, subjects: readonly RbacSubject[], out: Output): void {
  const role = out.templateRole(template, () => clusterRules(template));
  out.bind(clusterBinding(template.name, set.part), undefined, role, subjects);
}

interface ProjectPart {
  readonly set: CompiledSet;
  readonly template: FlattenedTemplate;
  readonly subjects: readonly RbacSubject[];
  readonly namespaces: ReadonlyMap<string, readonly string[]>;
  readonly clusterScoped: ReadonlySet<string>;
}

function bindProject({ set, template, subjects, namespaces, clusterScoped }: ProjectPart, out: Output): void {
  const project = set.project?.name ?? "";
  const inside = namespaces.get(project) ?? [];
  for (const namespace of inside) {
    const role = out.templateRole(template, () => projectRules(template, clusterScoped));
    out.bind(projectBinding(project, template.name, set.part), namespace, role, subjects);
  }
  if (!template.capabilities.includes("CreateNamespaces")) return;
  if (inside.length >= MAX_NAMESPACES) {
    const message =
      `project ${project} has ${inside.length} namespaces: from ${MAX_NAMESPACES} on only holders of ClaimNamespaces in the cluster add more; ` +
      `delete some, and template ${template.name} gives CreateNamespaces again`;
    return out.refuse({ object: `AccessSet ${set.name}`, message });
  }
  const role = createNamespacesRole(project);
  out.role(role, createNamespacesRules(project));
  out.bind(`${role}:${template.name}${set.part > 1 ? `:${set.part}` : ""}`, undefined, role, subjects);
}

/** Collects objects by name. If two parts had the same name, their subjects would be merged rather than lost. */
class Output {
  nextEnd = Number.POSITIVE_INFINITY;
  readonly #roles = new Map<string, RbacRole>();
  readonly #bindings = new Map<string, RbacBinding>();
  readonly #skipped = new Map<string, { template: string; message: string }>();
  readonly #refused = new Map<string, Refused>();
  readonly waiting = new Set<string>();

  /** The name of the ClusterRole to bind for a template. The role is rendered with its first binding, so a role without bindings does not exist. */
  templateRole(template: FlattenedTemplate, rules: () => RenderedRules): string {
    if (template.externalClusterRole !== undefined) return template.externalClusterRole;
    const name = templateRole(template.name);
    if (!this.#roles.has(name)) {
      const made = rules();
      this.role(name, made.rules);
      for (const message of made.skipped) this.#skipped.set(`${template.name}\n${message}`, { template: template.name, message });
    }
    return name;
  }

  role(name: string, rules: readonly PolicyRule[]): void {
    this.#roles.set(name, { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name, labels: RENDERED_LABELS }, rules });
  }

  bind(name: string, namespace: string | undefined, role: string, subjects: readonly RbacSubject[]): void {
    const key = `${namespace ?? ""}\n${name}`;
    const before = this.#bindings.get(key);
    this.#bindings.set(key, {
      apiVersion: `${RBAC}/v1`,
      kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: RENDERED_LABELS },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: role },
      subjects: before ? merged(before.subjects, subjects) : subjects,
    });
  }

  refuse(refused: Refused): void {
    this.#refused.set(`${refused.object}\n${refused.message}`, refused);
  }

  done(claims: readonly Claim[]): Rendered {
    return {
      roles: sorted(this.#roles),
      bindings: sorted(this.#bindings),
      claims,
      skipped: sorted(this.#skipped),
      refused: sorted(this.#refused),
      waiting: [...this.waiting].sort(),
      ...(Number.isFinite(this.nextEnd) ? { nextEnd: new Date(this.nextEnd).toISOString() } : {}),
    };
  }
}

function merged(a: readonly RbacSubject[], b: readonly RbacSubject[]): readonly RbacSubject[] {
  return sorted(new Map([...a, ...b].map((subject) => [`${subject.kind}\n${subject.namespace ?? ""}\n${subject.name}`, subject])));
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}
