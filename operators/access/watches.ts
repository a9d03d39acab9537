// Which bindings, roles and clusters a change elsewhere enqueues: indexes over the caches, and maps from the changed object to subjects.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { AuthProvider } from "../../crds/v1alpha1/authprovider.ts";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { ClusterRoleTemplateBinding } from "../../crds/v1alpha1/clusterroletemplatebinding.ts";
import { GlobalRole } from "../../crds/v1alpha1/globalrole.ts";
import { GlobalRoleBinding } from "../../crds/v1alpha1/globalrolebinding.ts";
import { Project } from "../../crds/v1alpha1/project.ts";
import { ProjectRoleTemplateBinding } from "../../crds/v1alpha1/projectroletemplatebinding.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import type { SubjectSource } from "../../lib/access/compile-binding.ts";
import { dependentsOf } from "../../lib/access/flatten.ts";
import { clusterNamespace, HUB, projectNamespace } from "../../lib/access/names.ts";
import { scopeOfNamespace } from "../../lib/access/scope.ts";
import type { CacheOptions } from "../../lib/kube/cache.ts";
import { type Condition, type Key, type Kind, type KubeObject, keyOf, type ObjectMeta } from "../../lib/kube/object.ts";
import { type Predicate, predicate, type Reader, type Watch, watch } from "../../lib/reconcile/contract.ts";

type TemplateBinding = ClusterRoleTemplateBinding | ProjectRoleTemplateBinding;
type AnyBinding = TemplateBinding | GlobalRoleBinding;

/**
 * What access goes by in each kind: what people wrote (generation), whether it goes, and the few fields of a status that decide. Heartbeats,
 * logins, agents' reports and our own conditions are none of it: with 1,000 clusters they come all the time.
 */
const PREDICATES: readonly Predicate[] = [
  predicate(Cluster, ({ metadata, status }) => [written(metadata), metadata.labels, status?.namespaceUID]),
  predicate(Project, ({ metadata, status }) => [written(metadata), status?.namespaceUID]),
  ...[User, AuthProvider, ClusterRoleTemplate, GlobalRole, GlobalRoleBinding, ClusterRoleTemplateBinding, ProjectRoleTemplateBinding].map(
    (kind) => predicate(kind as Kind<KubeObject>, ({ metadata }) => [written(metadata), metadata.annotations]),
  ),
  ...[AccessSet, ClusterMembers].map((kind) => predicate(kind as Kind<KubeObject>, ({ metadata }) => [written(metadata), metadata.labels])),
];

const written = ({ generation, deletionTimestamp }: ObjectMeta): readonly unknown[] => [generation, deletionTimestamp];

/** For a reconciler that owns these conditions of its subject: of its subjects also the conditions, which nobody else is to change. */
export function predicates<T extends KubeObject & { readonly status?: { readonly conditions?: readonly Condition[] } }>(
  subject: Kind<T>,
  ...conditions: readonly string[]
): readonly Predicate[] {
  return PREDICATES.map((one) =>
    one.kind.kind === subject.kind
      ? predicate(subject, (object) => [one.of(object), object.status?.conditions?.filter(({ type }) => conditions.includes(type))])
      : one,
  );
}

const BY_TEMPLATE = "template";
const BY_ROLE = "globalRole";
/** "User/alice" or "Provider/corp". */
const BY_SUBJECT = "subject";
/** Of a project binding: the cluster that its project is in. */
const BY_CLUSTER = "cluster";

export const cacheOptions: ReadonlyMap<Kind<KubeObject>, CacheOptions<KubeObject>> = new Map([
  indexed(ClusterRoleTemplateBinding, { [BY_TEMPLATE]: ({ spec }) => [spec.template], [BY_SUBJECT]: subjectIndex }),
  indexed(ProjectRoleTemplateBinding, {
    [BY_TEMPLATE]: ({ spec }) => [spec.template],
    [BY_SUBJECT]: subjectIndex,
    [BY_CLUSTER]: (binding) => clusterOf(binding).map(({ name }) => name),
  }),
  indexed(GlobalRoleBinding, { [BY_SUBJECT]: subjectIndex, [BY_ROLE]: ({ spec }) => [spec.globalRole] }),
  indexed(GlobalRole, { [BY_TEMPLATE]: ({ spec }) => spec.grants.map(({ template }) => template) }),
]);

export const clusterBindingsOf = (cluster: string, read: Reader): readonly ClusterRoleTemplateBinding[] =>
  read.list(ClusterRoleTemplateBinding, { namespace: clusterNamespace(cluster) });

export const projectBindingsOf = (cluster: string, read: Reader): readonly ProjectRoleTemplateBinding[] =>
  read.list(ProjectRoleTemplateBinding, { index: [BY_CLUSTER, cluster] });

/** The cluster in whose namespaces an object lies. */
export function clusterOf({ metadata }: KubeObject): readonly Key[] {
  const scope = scopeOfNamespace(metadata.namespace ?? "");
  return scope ? [{ name: scope.cluster }] : [];
}

const everyCluster = (read: Reader): readonly Key[] => read.list(Cluster).map(keyOf);

/** What enqueues bindings of one kind: all that their evaluation depends on. `inCluster`: those in the namespaces of one cluster. */
export function bindingWatches<T extends TemplateBinding>(
  kind: Kind<T>,
  inCluster: (cluster: string, read: Reader) => readonly TemplateBinding[],
): readonly Watch[] {
  const bySubject = (value: string, read: Reader) => read.list(kind, { index: [BY_SUBJECT, value] }).map(keyOf);
  return [
    watch(ClusterRoleTemplate, ({ metadata }, read) =>
      heirs(metadata.name, read).flatMap((name) => read.list(kind, { index: [BY_TEMPLATE, name] }).map(keyOf)),
    ),
    watch(User, ({ metadata }, read) => bySubject(`User/${metadata.name}`, read)),
    watch(AuthProvider, ({ metadata }, read) => bySubject(`Provider/${metadata.name}`, read)),
    watch(Cluster, ({ metadata }, read) => inCluster(metadata.name, read).map(keyOf)),
  ];
}

/** A project's bindings count once the project has its namespace. */
export const projectBindingWatch: Watch = watch(Project, (project, read) =>
  clusterOf(project).flatMap(({ name }) =>
    read.list(ProjectRoleTemplateBinding, { namespace: projectNamespace(name, project.metadata.name) }).map(keyOf),
  ),
);

export const globalBindingWatches: readonly Watch[] = [
  watch(GlobalRole, ({ metadata }, read) => boundTo(metadata.name, read).map(keyOf)),
  watch(ClusterRoleTemplate, ({ metadata }, read) =>
    rolesNaming(metadata.name, read).flatMap((role) => boundTo(role.name, read).map(keyOf)),
  ),
  watch(User, ({ metadata }, read) => globalBySubject(`User/${metadata.name}`, read).map(keyOf)),
  watch(AuthProvider, ({ metadata }, read) => globalBySubject(`Provider/${metadata.name}`, read).map(keyOf)),
];

export const globalRoleWatches: readonly Watch[] = [watch(ClusterRoleTemplate, ({ metadata }, read) => rolesNaming(metadata.name, read))];

/** What enqueues clusters, besides what lies in their own namespaces. */
export const clusterWatches: readonly Watch[] = [
  watch(ClusterRoleTemplateBinding, clusterOf),
  watch(ProjectRoleTemplateBinding, clusterOf),
  watch(Project, clusterOf),
  // It says whether a restore of the hub is accepted.
  watch(Cluster, ({ metadata }, read) => (metadata.name === HUB ? everyCluster(read) : [])),
  // Also sets that nobody asked for: they are removed.
  watch(AccessSet, clusterOf),
  watch(GlobalRole, (_role, read) => everyCluster(read)),
  watch(GlobalRoleBinding, (_binding, read) => everyCluster(read)),
  watch(ClusterRoleTemplate, ({ metadata }, read) =>
    rolesNaming(metadata.name, read).length > 0
      ? everyCluster(read)
      : heirs(metadata.name, read).flatMap((name) => boundBy(BY_TEMPLATE, name, read).flatMap(clusterOf)),
  ),
  watch(User, ({ metadata }, read) => bySubjectAnywhere(`User/${metadata.name}`, read)),
  watch(AuthProvider, ({ metadata }, read) => bySubjectAnywhere(`Provider/${metadata.name}`, read)),
];

function bySubjectAnywhere(subject: string, read: Reader): readonly Key[] {
  return globalBySubject(subject, read).length > 0 ? everyCluster(read) : boundBy(BY_SUBJECT, subject, read).flatMap(clusterOf);
}

const boundBy = (index: string, value: string, read: Reader): readonly TemplateBinding[] => [
  ...read.list(ClusterRoleTemplateBinding, { index: [index, value] }),
  ...read.list(ProjectRoleTemplateBinding, { index: [index, value] }),
];

const globalBySubject = (subject: string, read: Reader) => read.list(GlobalRoleBinding, { index: [BY_SUBJECT, subject] });
const boundTo = (role: string, read: Reader) => read.list(GlobalRoleBinding, { index: [BY_ROLE, role] });
const heirs = (template: string, read: Reader) => dependentsOf(template, read.list(ClusterRoleTemplate));

const rolesNaming = (template: string, read: Reader): readonly Key[] =>
  heirs(template, read).flatMap((name) => read.list(GlobalRole, { index: [BY_TEMPLATE, name] }).map(keyOf));

function subjectIndex({ spec }: AnyBinding): readonly string[] {
  const { kind, name, provider } = spec.subject as SubjectSource;
  return kind === "User" ? [`User/${name}`] : kind === "Group" && provider !== undefined ? [`Provider/${provider}`] : [];
}

/** Kinds and their objects belong together, which a map of many kinds cannot say. */
function indexed<T extends KubeObject>(kind: Kind<T>, indexes: Readonly<Record<string, (object: T) => readonly string[]>>) {
  return [kind, { indexes }] as unknown as readonly [Kind<KubeObject>, CacheOptions<KubeObject>];
}
