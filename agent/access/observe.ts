// From the objects of hub and managed cluster to what the pure functions read.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import type { Version } from "../../lib/access/lineage.ts";
import { MANAGED_BY } from "../../lib/access/names.ts";
import { INVENTORY_LABEL } from "../../lib/access/render.ts";
import type { ManagedNamespace } from "../../lib/access/render-namespaces.ts";
import { groupsOf, IMPERSONATOR_ROLE } from "../../lib/components/impersonator.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import { hasLabels, type Kind, type KubeObject, type ObjectMeta } from "../../lib/kube/object.ts";
import type { Reader } from "../../lib/reconcile/contract.ts";
import { UnreadableError } from "../../lib/reconcile/reader.ts";
import type { SeenSet, SeenTemplate } from "./known.ts";
import type { AccessMemory } from "./memory.ts";
import type { Observed } from "./plan.ts";

export function seenSet({ metadata, spec }: AccessSet): SeenSet {
  return {
    name: metadata.name,
    scope: spec.scope,
    ...(spec.project === undefined ? {} : { project: { name: spec.project.name, uid: spec.project.uid } }),
    ...versionOf(metadata, spec.history),
    part: spec.part,
    bindings: spec.bindings,
    ...(spec.restoreAcceptedAt === undefined ? {} : { acceptedAt: spec.restoreAcceptedAt }),
    ...(spec.index === undefined ? {} : { index: { sets: spec.index.sets, teardown: spec.index.teardown ?? false } }),
  };
}

export function seenTemplate({ metadata, spec, status }: ClusterRoleTemplate): SeenTemplate {
  const accepted = status?.conditions?.find(({ type }) => type === "Accepted")?.status;
  return {
    name: metadata.name,
    ...versionOf(metadata, status?.history ?? []),
    ...(status?.restoreAcceptedAt === undefined ? {} : { acceptedAt: status.restoreAcceptedAt }),
    context: spec.context,
    // Unknown: the hub could not evaluate it again, which is no order to revoke. Of a template that is refused there are no rules any more.
    accepted: accepted === "True" || (accepted === "Unknown" && status?.rules !== undefined),
    rules: status?.rules ?? [],
    capabilities: status?.capabilities ?? [],
    ...(spec.externalClusterRole === undefined ? {} : { externalClusterRole: spec.externalClusterRole }),
  };
}

const versionOf = ({ uid = "", creationTimestamp = "" }: ObjectMeta, history: readonly string[]): Version => ({
  uid,
  createdAt: creationTimestamp,
  history,
});

export function managedNamespace({ metadata }: Namespace): ManagedNamespace {
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    terminating: metadata.deletionTimestamp !== undefined,
  };
}

/** Whether an object is one of Drover's, by its label. */
const isManaged = (object: KubeObject): boolean => hasLabels(object, MANAGED_BY);

/** Of ClusterRoles that are not Drover's, what tells a pass that one came, changed or went, and what would spoil one in our place. */
export function withoutUnmanagedRules(role: ClusterRole): ClusterRole {
  if (isManaged(role)) return role;
  const { apiVersion, kind, metadata, aggregationRule } = role;
  const { name, uid, resourceVersion, labels } = metadata;
  return {
    ...{ apiVersion, kind },
    metadata: { name, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }), ...(labels && { labels }) },
    ...(aggregationRule && { aggregationRule }),
  };
}

/** A namespace without what nobody reads here. */
export function withoutBallast({ apiVersion, kind, metadata }: Namespace): Namespace {
  const { managedFields: _, ...rest } = metadata;
  return { apiVersion, kind, metadata: rest };
}

/** A change of a ClusterRole counts when it is Drover's, or when a template names it. */
export const versionThatCounts = (memory: AccessMemory) => (role: ClusterRole) =>
  isManaged(role) || memory.isExternalRole(role.metadata.name) ? role.metadata.resourceVersion : undefined;

/** Of Drover's own objects in the managed cluster. */
export function managedObjects(read: Reader): readonly KubeObject[] {
  return [...read.list(ClusterRole).filter(isManaged), ...read.list(ClusterRoleBinding), ...read.list(RoleBinding)];
}

/** Whatever could not be listed in the managed cluster makes the pass fail: a list that is not known must not look empty. */
export function observe(read: Reader, memory: AccessMemory, more: Pick<Observed, "guardsEnforced" | "isHub">): Observed {
  const objects = managedObjects(read);
  const isOurs = ({ metadata: { labels } }: KubeObject): boolean => labels?.[INVENTORY_LABEL] !== undefined;
  return {
    ...more,
    known: memory.known,
    forgotten: memory.forgotten,
    hub: hubOf(read),
    ...managedOf(read, memory),
    objects: objects.filter((object) => isOurs(object) || object.metadata.name === IMPERSONATOR_ROLE),
    inventory: objects.filter(isOurs),
    applied: read.applied(),
    live: (object) => liveOf(read, object),
    hubAheadMs: memory.hubAheadMs.value,
    corrected: memory.corrected.value,
    revoked: memory.teardown.value !== "none",
  };
}

export const managedOf = (read: Reader, memory: AccessMemory): Pick<Observed, "namespaces" | "clusterRoles" | "clusterScoped"> => ({
  namespaces: read.list(Namespace).map(managedNamespace),
  clusterRoles: { has: (name) => read.get(ClusterRole, name).is === "present" },
  clusterScoped: memory.clusterScoped.value && new Set(memory.clusterScoped.value),
});

/** Another text for other content: of an object made anew, and of one that a restored hub brought to the same generation. */
export const versionOfSet = ({ metadata, spec }: AccessSet): string => `${metadata.uid} ${metadata.generation} ${spec.history.at(-1)}`;

function hubOf(read: Reader): Observed["hub"] {
  try {
    const sets = read.list(AccessSet);
    const versions = Object.fromEntries(sets.map((set) => [set.metadata.name, versionOfSet(set)]));
    return { sets: sets.map(seenSet), templates: read.list(ClusterRoleTemplate).map(seenTemplate), versions };
  } catch (error) {
    if (error instanceof UnreadableError) return undefined;
    throw error;
  }
}

const KINDS: Readonly<Record<string, Kind<KubeObject>>> = { ClusterRole, ClusterRoleBinding, RoleBinding };

function liveOf(read: Reader, { kind, metadata }: KubeObject): KubeObject | undefined {
  const found = KINDS[kind] && read.get(KINDS[kind], metadata.name, metadata.namespace);
  return found?.is === "present" && isManaged(found.value) ? found.value : undefined;
}

/** The groups that the impersonator may pass on now. */
export function impersonatedGroups(read: Reader): ReadonlySet<string> {
  const role = read.get(ClusterRole, IMPERSONATOR_ROLE);
  return new Set(role.is === "present" ? groupsOf(role.value) : []);
}
