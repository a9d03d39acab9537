// Evaluates whether a binding grants anything. The status of the binding and the compiled sets use the same result, so they never disagree.
import type { ReasonOf } from "../../crds/schema/condition.ts";
import type { Accepted as BindingAccepted } from "../../crds/v1alpha1/binding.ts";
import type { Accepted as GlobalAccepted } from "../../crds/v1alpha1/globalrolebinding.ts";
import type { ObjectMeta } from "../kube/object.ts";
import { type Flattened, flatten, type TemplateSource } from "./flatten.ts";
import { encodeGroup } from "./group-name.ts";
import { CONFIRMED, type Gap, unguarded } from "./guard-history.ts";
import { clusterNamespace, groupSubject, HUB, SYSTEM_NAMESPACE, userSubject } from "./names.ts";
import type { SetSubject } from "./render-subjects.ts";
import { type LabelSelector, namesHub } from "./selector.ts";

export type Context = "Cluster" | "Project";

/** The subject of a binding, as users write it. */
export interface SubjectSource {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  readonly provider?: string;
  readonly namespace?: string;
}

/** A ClusterRoleTemplateBinding or ProjectRoleTemplateBinding. */
export interface BindingSource {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly template: string; readonly subject: SubjectSource; readonly expiresAt?: string };
}

export interface GlobalBindingSource {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly globalRole: string; readonly subject: SubjectSource; readonly expiresAt?: string };
}

/** One template, granted in the clusters that the selector matches. */
export interface GrantSource {
  readonly template: string;
  readonly clusterSelector: LabelSelector;
}

export interface GlobalRoleSource {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly grants: readonly GrantSource[] };
}

export interface UserSource {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly enabled?: boolean };
}

/** The objects that bindings refer to, and the current time. */
export interface Facts extends Sources {
  readonly flattened: (name: string) => Flattened | undefined;
  readonly now: Date;
}

/** Reasons of condition Accepted for cluster, project and global bindings. */
export type Refusal = Exclude<ReasonOf<typeof BindingAccepted> | ReasonOf<typeof GlobalAccepted>, "Accepted" | "Unreadable">;

/** Accepted: the subject as clusters see it. Refused: the reason of the condition, and its message. */
export type Evaluation =
  | { readonly accepted: true; readonly subject: SetSubject }
  | { readonly accepted: false; readonly reason: Refusal; readonly message: string };

/** Limit of users and service accounts bound to one template in one namespace; the oldest bindings count. */
export const MAX_SINGLE_SUBJECTS = 2000;

/** Evaluates a cluster binding or a project binding. The order of checks decides which reason is reported. */
export function evaluateBinding({ metadata, spec }: BindingSource, context: Context, facts: Facts): Evaluation {
  const onHub = context === "Cluster" && metadata.namespace === clusterNamespace(HUB);
  return (
    refusalOfTemplate(spec.template, context, facts) ??
    (onHub ? refusalOnHub(spec.template, facts) : undefined) ??
    refusalOfTime(metadata, facts) ??
    evaluateSubject(spec.subject, context, spec.expiresAt, facts)
  );
}

/** Evaluates a global binding. When some grants of its role are refused, the others still count: losing one template must not lock out the administrators of a fleet. */
export function evaluateGlobalBinding({ metadata, spec }: GlobalBindingSource, facts: Facts): Evaluation {
  const role = existing(facts.globalRole(spec.globalRole));
  if (!role) return refuse("RoleNotFound", `there is no GlobalRole ${spec.globalRole}`);
  const refusals = role.spec.grants.flatMap((grant) => refusalOfGrant(grant, facts) ?? []);
  if (refusals.length > 0 && refusals.length === role.spec.grants.length) {
    return refuse("RoleNotAccepted", `nothing that GlobalRole ${spec.globalRole} grants is accepted: ${refusals[0]?.message}`);
  }
  return refusalOfTime(metadata, facts) ?? evaluateSubject(spec.subject, "Cluster", spec.expiresAt, facts);
}

/** Why a grant of a GlobalRole has no effect; undefined when it has. */
export const refusalOfGrant = ({ template, clusterSelector }: GrantSource, facts: Facts): (Evaluation & { accepted: false }) | undefined =>
  refusalOfTemplate(template, "Cluster", facts) ?? (namesHub(clusterSelector) ? refusalOnHub(template, facts) : undefined);

/** Names of the bindings in one namespace that exceed the limit. Bindings of groups do not count. */
export function beyondLimit(bindings: readonly BindingSource[], limit = MAX_SINGLE_SUBJECTS): ReadonlySet<string> {
  const beyond = new Set<string>();
  if (bindings.length <= limit) return beyond;
  const age = ({ metadata }: BindingSource) => `${metadata.creationTimestamp ?? ""}\n${metadata.name}`;
  const oldestFirst = bindings.filter(({ spec }) => spec.subject.kind !== "Group").sort((a, b) => (age(a) < age(b) ? -1 : 1));
  const counts = new Map<string, number>();
  for (const { metadata, spec } of oldestFirst) {
    const count = (counts.get(spec.template) ?? 0) + 1;
    counts.set(spec.template, count);
    if (count > limit) beyond.add(metadata.name);
  }
  return beyond;
}

export const tooMany = (template: string, limit = MAX_SINGLE_SUBJECTS): Evaluation & { accepted: false } =>
  refuse("TooManySubjects", `${limit} older bindings give ${template} to single subjects here: bind a group instead`);

/** Lookups of objects by name: lists in tests, caches in the operator. */
export interface Sources {
  readonly user: (name: string) => UserSource | undefined;
  readonly provider: (name: string) => { readonly metadata: ObjectMeta } | undefined;
  readonly template: (name: string) => TemplateSource | undefined;
  readonly globalRole: (name: string) => GlobalRoleSource | undefined;
  /** Times in which the hub's guards were not in force. */
  readonly gaps: readonly Gap[];
}

/** Adds flattening to the sources. Each template is flattened once, however many bindings name it. */
export function factsOf(sources: Sources, now: Date): Facts {
  const flattened = new Map<string, Flattened>();
  return {
    ...sources,
    now,
    flattened: (name) => {
      const cached = flattened.get(name);
      const template = sources.template(name);
      if (cached || !template) return cached;
      const result = flatten(template, { get: sources.template });
      flattened.set(name, result);
      return result;
    },
  };
}

function refusalOfTemplate(name: string, context: Context, facts: Facts): (Evaluation & { accepted: false }) | undefined {
  const template = existing(facts.template(name));
  const flattened = facts.flattened(name);
  if (!template || !flattened) return refuse("TemplateNotFound", `there is no ClusterRoleTemplate ${name}`);
  if (template.spec.context !== context) {
    return refuse(
      "ContextMismatch",
      `ClusterRoleTemplate ${name} is for context ${template.spec.context}, this binds in context ${context}`,
    );
  }
  if (!flattened.accepted) return refuse("TemplateNotAccepted", `ClusterRoleTemplate ${name} is not accepted: ${flattened.message}`);
  return undefined;
}

/**
 * On the hub a wildcard includes what Drover itself relies on: the Secrets and tokens of its processes, and the guards. No permission on a
 * path prevents that, so a template must declare it with AdministerHub. The rules of an external ClusterRole are not known here.
 */
function refusalOnHub(name: string, facts: Facts): (Evaluation & { accepted: false }) | undefined {
  const flattened = facts.flattened(name);
  if (!flattened?.accepted || flattened.capabilities.includes("AdministerHub")) return undefined;
  const isWide = flattened.rules.some(
    ({ apiGroups = [], resources = [] }) => apiGroups.includes("*") || resources.some((resource) => resource.startsWith("*")),
  );
  if (!isWide && facts.template(name)?.spec.externalClusterRole === undefined) return undefined;
  return refuse(
    "TooBroadForHub",
    `on the hub, ${isWide ? "the wildcards" : "the external ClusterRole"} of ClusterRoleTemplate ${name} could include all that Drover stands on: ` +
      "list API groups and resources, or grant a template with the capability AdministerHub, such as hub-owner",
  );
}

/** A binding written while the guards were not in force counts only after a user confirms it while they are. */
function refusalOfTime(metadata: ObjectMeta, facts: Facts): (Evaluation & { accepted: false }) | undefined {
  const gap = unguarded(metadata, facts.gaps);
  if (gap === undefined) return undefined;
  const what = "written while the hub's admission policies were not in force";
  if (gap.until === undefined) return refuse("WrittenUnguarded", `${what} (since ${gap.from}); once they are, this says how to confirm it`);
  return refuse(
    "WrittenUnguarded",
    `${what} (${gap.from} to ${gap.until}): check who wrote it; then annotate it with ${CONFIRMED}=${gap.id}, or delete it and apply it again`,
  );
}

function evaluateSubject(subject: SubjectSource, context: Context, expiresAt: string | undefined, facts: Facts): Evaluation {
  const encoded = encodeSubject(subject, context, facts);
  if ("accepted" in encoded) return encoded;
  if (expiresAt === undefined) return { accepted: true, subject: encoded };
  const end = Date.parse(expiresAt);
  // NaN is not greater than anything, so an unreadable date counts as ended.
  if (!(end > facts.now.getTime())) return refuse("Expired", `ended at ${expiresAt}`);
  return { accepted: true, subject: { ...encoded, expiresAt: new Date(end).toISOString() } };
}

function encodeSubject(subject: SubjectSource, context: Context, facts: Facts): SetSubject | (Evaluation & { accepted: false }) {
  const { kind, name, provider, namespace } = subject;
  if (kind === "User") {
    const user = existing(facts.user(name));
    if (!user) return refuse("SubjectNotFound", `there is no User ${name}`);
    return user.spec.enabled === false ? refuse("SubjectDisabled", `User ${name} is disabled`) : { kind, name: userSubject(name) };
  }
  if (kind === "Group") {
    const encoded = encodeGroup(name);
    if (provider === undefined || encoded === undefined) {
      return refuse("GroupNameRefused", "a group needs a provider, and a name without control characters or spaces around it");
    }
    if (!existing(facts.provider(provider))) return refuse("ProviderNotFound", `there is no AuthProvider ${provider}`);
    return { kind, name: groupSubject(provider, encoded) };
  }
  if (kind !== "ServiceAccount" || context !== "Project") return refuse("SubjectNotAllowed", "service accounts are bound in projects only");
  if (namespace === undefined || isSystem(namespace)) {
    return refuse("SubjectNotAllowed", "a service account needs a namespace, which is none of Kubernetes' or Drover's own");
  }
  return { kind, name, namespace };
}

/** An object that is being deleted grants nothing. */
const existing = <T extends { readonly metadata: ObjectMeta }>(object: T | undefined): T | undefined =>
  object?.metadata.deletionTimestamp ? undefined : object;

const isSystem = (namespace: string): boolean => namespace.startsWith("kube-") || namespace === SYSTEM_NAMESPACE;

const refuse = (reason: Refusal, message: string) => ({ accepted: false, reason, message }) as const;
