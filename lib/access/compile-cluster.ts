// Compiles everything that users wrote about one cluster into the sets that its agent applies and the members that its proxies let in.
// It is the only place that compiles access. Pure.
import type { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import type { Project } from "../../crds/v1alpha1/project.ts";
import type { ObjectMeta } from "../kube/object.ts";
import {
  type BindingSource,
  beyondLimit,
  type Context,
  evaluateBinding,
  evaluateGlobalBinding,
  type Facts,
  type GlobalBindingSource,
  type Refusal,
  refusalOfGrant,
} from "./compile-binding.ts";
import { type Grant, grantKey, partition, type SetSpec } from "./compile-parts.ts";
import { nextLineage, notBefore, SET_BOUNDS } from "./lineage.ts";
import type { Members } from "./members.ts";
import { CLUSTER_SET, clusterSet, EVERYONE, projectNamespace, projectSet, USER_PREFIX } from "./names.ts";
import { selects } from "./selector.ts";

export interface CompileInput {
  /** Its labels decide which global roles apply. While it is being deleted, the result is only the order to tear down. */
  readonly cluster: { readonly metadata: ObjectMeta };
  readonly facts: Facts;
  readonly globalBindings: readonly GlobalBindingSource[];
  readonly clusterBindings: readonly BindingSource[];
  readonly projects: readonly Pick<Project, "metadata" | "spec" | "status">[];
  /** The bindings of all projects of the cluster. */
  readonly projectBindings: readonly BindingSource[];
  /** The sets that are on the hub now. */
  readonly previous: readonly PreviousSet[];
  /** Milliseconds since 1970: when a user last accepted that the hub was restored from a backup. */
  readonly restoreAcceptedAt?: number | undefined;
  /** false: nothing new is granted, and grants still end. */
  readonly mayGrant: boolean;
}

type PreviousSet = Pick<AccessSet, "metadata" | "spec" | "status">;
/** The content of a set, without its epoch and history. */
type Content = Omit<SetSpec, "epoch" | "history">;

export interface Compiled {
  /** In the order of writing: sets that revoke something first; among equals the set with the index last. */
  readonly sets: readonly { readonly name: string; readonly spec: SetSpec }[];
  readonly members: Members;
  /** How many grants wait for `mayGrant`. */
  readonly withheld: number;
  /** Messages about what exceeds the limits and is not compiled. */
  readonly leftOut: readonly string[];
  /** RFC 3339: the next end date. */
  readonly nextEnd?: string;
}

export const MAX_USERS = 10_000;
export const MAX_GROUPS = 5_000;
/** The most sets that the index can list. */
export const MAX_SETS = 5_000;

export function compileCluster(input: CompileInput): Compiled {
  const previous = new Map(input.previous.map((set) => [set.metadata.name, set]));
  if (input.cluster.metadata.deletionTimestamp) return teardown(previous.get(CLUSTER_SET), input);

  let withheld = 0;
  const leftOut: string[] = [];
  const sets: { name: string; content: Content }[] = [];
  for (const scope of scopesOf(input, previous)) {
    const before = partsBefore(scope, input.previous);
    const wanted = scope.grants();
    const grants = input.mayGrant ? wanted : alreadyGranted(wanted, before, input.facts.now);
    withheld += wanted.length - grants.length + (input.mayGrant ? 0 : scope.unguarded);
    const { parts, leftOut: beyond } = partition(grants, before);
    const where = scope.head.project === undefined ? "the cluster" : `project ${scope.head.project.name}`;
    if (sets.length + parts.length > MAX_SETS) {
      leftOut.push(`${where}: the cluster has more than ${MAX_SETS} sets of grants`);
      continue;
    }
    if (beyond > 0) leftOut.push(`${where}: ${beyond} grants more than ${parts.length} sets hold`);
    for (const [index, bindings] of parts.entries()) {
      const part = index + 1;
      sets.push({ name: scope.setName(part), content: { ...scope.head, part, parts: parts.length, bindings } });
    }
  }
  const names = sets.map(({ name }) => name).sort();
  const finished = sets
    .map(({ name, content }) => (name === CLUSTER_SET ? { name, content: { ...content, index: { sets: names } } } : { name, content }))
    .map(({ name, content }) => ({ name, spec: descendant(content, previous.get(name), input) }));
  const members = membersOf(finished.map(({ spec }) => spec));
  return { ...members, sets: inWritingOrder(finished, previous), withheld, leftOut: [...leftOut, ...members.leftOut] };
}

/** Revocations come first. Additions follow, and the index lists a set after it is written. */
function inWritingOrder(sets: Compiled["sets"], previous: ReadonlyMap<string, PreviousSet>): Compiled["sets"] {
  const rank = ({ name, spec }: Compiled["sets"][number]): number =>
    (revokes(spec, previous.get(name)?.spec) ? 0 : 2) + Number(name === CLUSTER_SET);
  return [...sets].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** Whether a set grants less than before, or for a shorter time, or its index lists less. */
export function revokes(now: SetSpec, before: SetSpec | undefined): boolean {
  if (before === undefined || before.epoch === now.epoch) return false;
  const listed = new Set(now.index?.sets);
  if (before.index?.sets.some((name) => !listed.has(name))) return true;
  const ends = new Map(grantsOf(now).map((grant) => [grantKey(grant), endOf(grant)]));
  return grantsOf(before).some((grant) => endOf(grant) > (ends.get(grantKey(grant)) ?? Number.NEGATIVE_INFINITY));
}

const grantsOf = ({ bindings }: SetSpec): readonly Grant[] => grantsIn(bindings);
const grantsIn = (bindings: SetSpec["bindings"]): readonly Grant[] =>
  bindings.flatMap(({ template, subjects }) => subjects.map((subject) => ({ template, subject })));

/** The scope of grants: the cluster, or one project. */
class Scope {
  readonly head: Pick<SetSpec, "scope" | "project">;
  readonly setName: (part: number) => string;
  readonly #grants = new Map<string, Grant>();

  constructor(head: Scope["head"], setName: Scope["setName"]) {
    this.head = head;
    this.setName = setName;
  }

  /** When the same grant comes from two bindings, the later end counts. */
  add(grant: Grant): void {
    const key = grantKey(grant);
    const existing = this.#grants.get(key);
    if (!existing || endOf(grant) > endOf(existing)) this.#grants.set(key, grant);
  }

  /** Number of bindings written while the guards were not in force. */
  unguarded = 0;

  noteRefusal(reason: Refusal): void {
    if (reason === "WrittenUnguarded") this.unguarded++;
  }

  grants(): readonly Grant[] {
    return [...this.#grants.values()];
  }
}

/** Projects that already have sets come before new ones, so that only new projects are left out at the limit. */
function scopesOf(input: CompileInput, previous: ReadonlyMap<string, PreviousSet>): readonly Scope[] {
  const cluster = new Scope({ scope: "Cluster" }, clusterSet);
  addGlobal(cluster, input);
  addBindings(cluster, input.clusterBindings, "Cluster", input.facts);
  const byNamespace = Map.groupBy(input.projectBindings, ({ metadata }) => metadata.namespace ?? "");
  const isNew = ({ metadata }: CompileInput["projects"][number]): number => Number(!previous.has(projectSet(metadata.name)));
  const projects = input.projects
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .sort((a, b) => isNew(a) - isNew(b) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return [cluster, ...projects.map((project) => projectScope(project, byNamespace, input))];
}

function projectScope(
  { metadata, spec, status }: CompileInput["projects"][number],
  byNamespace: ReadonlyMap<string, readonly BindingSource[]>,
  { cluster, facts }: CompileInput,
): Scope {
  const { podSecurity, quota, limits, isolation } = spec;
  const policy = {
    ...(podSecurity && { podSecurity }),
    ...(quota && { quota }),
    ...(limits && { limits }),
    ...(isolation && { isolation }),
  };
  const scope = new Scope({ scope: "Project", project: { name: metadata.name, uid: metadata.uid ?? "", ...policy } }, (part) =>
    projectSet(metadata.name, part),
  );
  // Until the operator has taken the namespace over, it may contain bindings that others prepared in it.
  if (status?.namespaceUID) {
    addBindings(scope, byNamespace.get(projectNamespace(cluster.metadata.name, metadata.name)) ?? [], "Project", facts);
  }
  return scope;
}

function addBindings(scope: Scope, bindings: readonly BindingSource[], context: Context, facts: Facts): void {
  const live = bindings.filter(({ metadata }) => !metadata.deletionTimestamp);
  const beyond = beyondLimit(live);
  for (const binding of live) {
    if (beyond.has(binding.metadata.name)) continue;
    const evaluation = evaluateBinding(binding, context, facts);
    if (evaluation.accepted) scope.add({ template: binding.spec.template, subject: evaluation.subject });
    else scope.noteRefusal(evaluation.reason);
  }
}

function addGlobal(scope: Scope, { cluster, globalBindings, facts }: CompileInput): void {
  for (const binding of globalBindings) {
    if (binding.metadata.deletionTimestamp) continue;
    const evaluation = evaluateGlobalBinding(binding, facts);
    if (!evaluation.accepted) {
      scope.noteRefusal(evaluation.reason);
      continue;
    }
    for (const grant of facts.globalRole(binding.spec.globalRole)?.spec.grants ?? []) {
      if (!selects(grant.clusterSelector, cluster.metadata) || refusalOfGrant(grant, facts)) continue;
      scope.add({ template: grant.template, subject: evaluation.subject });
    }
  }
}

/** The previous bindings of a scope, by part. Sets of an earlier project of the same name, with another UID, do not count. */
function partsBefore(scope: Scope, previous: CompileInput["previous"]): readonly SetSpec["bindings"][] {
  const { scope: kind, project } = scope.head;
  const parts = previous.filter(
    ({ spec }) => spec.scope === kind && spec.project?.name === project?.name && spec.project?.uid === project?.uid,
  );
  const result: SetSpec["bindings"][] = [];
  for (const { spec } of parts.sort((a, b) => a.spec.part - b.spec.part)) {
    while (result.length < spec.part - 1) result.push([]);
    result[spec.part - 1] = spec.bindings;
  }
  return result;
}

/** The wanted grants that were in force before, with the earlier of both end dates. */
function alreadyGranted(wanted: readonly Grant[], before: readonly SetSpec["bindings"][], now: Date): readonly Grant[] {
  const old = new Map<string, Grant>();
  for (const grant of before.flatMap(grantsIn)) old.set(grantKey(grant), grant);
  return wanted.flatMap((grant) => {
    const previous = old.get(grantKey(grant));
    if (!previous || endOf(previous) <= now.getTime()) return [];
    return endOf(grant) <= endOf(previous) ? [grant] : [previous];
  });
}

/** The set with the epoch and history that follow those of the set on the hub. */
function descendant(content: Content, before: PreviousSet | undefined, { restoreAcceptedAt, facts }: CompileInput): SetSpec {
  const said = { ...content, ...(restoreAcceptedAt !== undefined && { restoreAcceptedAt }) };
  const { epoch, history } = nextLineage(said, {
    previous: before?.spec.history ?? [],
    acknowledged: before?.status?.knownEpoch,
    after: notBefore(facts.now, restoreAcceptedAt),
    bounds: SET_BOUNDS,
  });
  return { ...said, epoch, history };
}

function teardown(previous: PreviousSet | undefined, input: CompileInput): Compiled {
  const content = { scope: "Cluster", part: 1, parts: 1, bindings: [], index: { sets: [CLUSTER_SET], teardown: true } } as const;
  return {
    sets: [{ name: CLUSTER_SET, spec: descendant(content, previous, input) }],
    members: { users: [], groups: [], everyone: false },
    withheld: 0,
    leftOut: [],
  };
}

function membersOf(sets: readonly SetSpec[]): Pick<Compiled, "members" | "leftOut" | "nextEnd"> {
  const users = new Set<string>();
  const groups = new Set<string>();
  let nextEnd = Number.POSITIVE_INFINITY;
  for (const subject of sets.flatMap(({ bindings }) => bindings.flatMap(({ subjects }) => subjects))) {
    if (subject.kind === "User") users.add(subject.name.slice(USER_PREFIX.length));
    if (subject.kind === "Group") groups.add(subject.name);
    if (subject.expiresAt !== undefined) nextEnd = Math.min(nextEnd, Date.parse(subject.expiresAt));
  }
  const everyone = groups.delete(EVERYONE);
  const beyond = Math.max(0, users.size - MAX_USERS) + Math.max(0, groups.size - MAX_GROUPS);
  return {
    members: { users: [...users].sort().slice(0, MAX_USERS), groups: [...groups].sort().slice(0, MAX_GROUPS), everyone },
    leftOut: beyond > 0 ? [`${beyond} more than ${MAX_USERS} users or ${MAX_GROUPS} groups, who cannot reach the cluster`] : [],
    ...(Number.isFinite(nextEnd) && { nextEnd: new Date(nextEnd).toISOString() }),
  };
}

const endOf = ({ subject }: Grant): number => (subject.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(subject.expiresAt));
