// From everything that people wrote about one cluster to what its agent applies and its proxies need: the one compile path of
// access. Pure, and asked by the operator, by `why` and by what-if alike.
import type { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import type { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import type { Project } from "../../crds/v1alpha1/project.ts";
import type { ObjectMeta } from "../kube/object.ts";
import {
  type BindingSource,
  beyondLimit,
  type Context,
  type Facts,
  type GlobalBindingSource,
  judgeBinding,
  judgeGlobalBinding,
  judgeGrant,
} from "./compile-binding.ts";
import { type Grant, grantKey, partition, type SetSpec } from "./compile-parts.ts";
import { descend, notBefore, SET_BOUNDS } from "./lineage.ts";
import { CLUSTER_SET, clusterSet, EVERYONE, projectNamespace, projectSet, USER_PREFIX } from "./names.ts";
import { selects } from "./selector.ts";

export interface CompileInput {
  /** Its labels decide which global roles reach it; while it is being deleted there is nothing but the order to tear down. */
  readonly cluster: { readonly metadata: ObjectMeta };
  readonly facts: Facts;
  readonly globalBindings: readonly GlobalBindingSource[];
  readonly clusterBindings: readonly BindingSource[];
  readonly projects: readonly Pick<Project, "metadata" | "spec" | "status">[];
  /** Of all projects of the cluster. */
  readonly projectBindings: readonly BindingSource[];
  /** The sets as they are on the hub. */
  readonly previous: readonly PreviousSet[];
  /** Milliseconds since 1970: when somebody last accepted that the hub had been restored from a backup. */
  readonly restoreAcceptedAt?: number | undefined;
  /** false: whatever is not granted already stays withheld, whatever is to end still ends. */
  readonly mayGrant: boolean;
}

type PreviousSet = Pick<AccessSet, "metadata" | "spec" | "status">;
/** A set before it has its place in the line of those before it. */
type Content = Omit<SetSpec, "epoch" | "history">;

export interface Compiled {
  /** In the order in which they must be written: the set with the index last, so that it never lists what is not there yet. */
  readonly sets: readonly { readonly name: string; readonly spec: SetSpec }[];
  readonly members: ClusterMembers["spec"];
  /** How many grants wait for `mayGrant`. */
  readonly withheld: number;
  /** Members beyond what one ClusterMembers holds; the last ones in sorted order are left out. */
  readonly leftOut: number;
  /** RFC 3339: the first end date still to come. */
  readonly nextEnd?: string;
}

export const MAX_USERS = 10_000;
export const MAX_GROUPS = 5_000;

export function compileCluster(input: CompileInput): Compiled {
  const previous = new Map(input.previous.map((set) => [set.metadata.name, set]));
  if (input.cluster.metadata.deletionTimestamp) return teardown(previous.get(CLUSTER_SET), input);

  let withheld = 0;
  const sets: { name: string; content: Content }[] = [];
  for (const scope of scopesOf(input)) {
    const before = partsBefore(scope, input.previous);
    const wanted = scope.grants();
    const grants = input.mayGrant ? wanted : alreadyGranted(wanted, before, input.facts.now);
    withheld += wanted.length - grants.length;
    const parts = partition(grants, before);
    for (const [index, bindings] of parts.entries()) {
      const part = index + 1;
      sets.push({ name: scope.setName(part), content: { ...scope.head, part, parts: parts.length, bindings } });
    }
  }
  const names = sets.map(({ name }) => name).sort();
  const finished = sets
    .map(({ name, content }) => (name === CLUSTER_SET ? { name, content: { ...content, index: { sets: names } } } : { name, content }))
    .map(({ name, content }) => ({ name, spec: descendant(content, previous.get(name), input) }))
    .sort((a, b) => Number(a.name === CLUSTER_SET) - Number(b.name === CLUSTER_SET) || (a.name < b.name ? -1 : 1));
  return { sets: finished, withheld, ...membersOf(finished.map(({ spec }) => spec)) };
}

/** Where grants hold: the cluster, or one project. */
class Scope {
  readonly head: Pick<SetSpec, "scope" | "project">;
  readonly setName: (part: number) => string;
  readonly #grants = new Map<string, Grant>();

  constructor(head: Scope["head"], setName: Scope["setName"]) {
    this.head = head;
    this.setName = setName;
  }

  /** Granted twice, a right lasts until the later end. */
  add(grant: Grant): void {
    const key = grantKey(grant);
    const known = this.#grants.get(key);
    if (!known || endOf(grant) > endOf(known)) this.#grants.set(key, grant);
  }

  grants(): readonly Grant[] {
    return [...this.#grants.values()];
  }
}

function scopesOf(input: CompileInput): readonly Scope[] {
  const cluster = new Scope({ scope: "Cluster" }, clusterSet);
  addGlobal(cluster, input);
  addBindings(cluster, input.clusterBindings, "Cluster", input.facts);
  const byNamespace = Map.groupBy(input.projectBindings, ({ metadata }) => metadata.namespace ?? "");
  const projects = input.projects.filter(({ metadata }) => !metadata.deletionTimestamp);
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
  // A namespace that is not Drover's yet may hold bindings that somebody prepared in it.
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
    const judgement = judgeBinding(binding, context, facts);
    if (judgement.accepted) scope.add({ template: binding.spec.template, subject: judgement.subject });
  }
}

function addGlobal(scope: Scope, { cluster, globalBindings, facts }: CompileInput): void {
  for (const binding of globalBindings) {
    if (binding.metadata.deletionTimestamp) continue;
    const judgement = judgeGlobalBinding(binding, facts);
    if (!judgement.accepted) continue;
    for (const grant of facts.globalRole(binding.spec.globalRole)?.spec.grants ?? []) {
      if (!selects(grant.clusterSelector, cluster.metadata) || judgeGrant(grant, facts)) continue;
      scope.add({ template: grant.template, subject: judgement.subject });
    }
  }
}

/** What the parts of a scope held, by part. Those of a project of the same name that is another object now do not count. */
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

/** Of what is wanted, what was in force before, and no longer than it was to last. */
function alreadyGranted(wanted: readonly Grant[], before: readonly SetSpec["bindings"][], now: Date): readonly Grant[] {
  const old = new Map<string, Grant>();
  for (const bindings of before) {
    for (const { template, subjects } of bindings)
      for (const subject of subjects) old.set(grantKey({ template, subject }), { template, subject });
  }
  return wanted.flatMap((grant) => {
    const known = old.get(grantKey(grant));
    if (!known || endOf(known) <= now.getTime()) return [];
    return endOf(grant) <= endOf(known) ? [grant] : [known];
  });
}

/** The set as it follows the one that is on the hub. */
function descendant(content: Content, before: PreviousSet | undefined, { restoreAcceptedAt, facts }: CompileInput): SetSpec {
  const said = { ...content, ...(restoreAcceptedAt !== undefined && { restoreAcceptedAt }) };
  const { epoch, history } = descend(said, {
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
    leftOut: 0,
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
  return {
    members: { users: [...users].sort().slice(0, MAX_USERS), groups: [...groups].sort().slice(0, MAX_GROUPS), everyone },
    leftOut: Math.max(0, users.size - MAX_USERS) + Math.max(0, groups.size - MAX_GROUPS),
    ...(Number.isFinite(nextEnd) && { nextEnd: new Date(nextEnd).toISOString() }),
  };
}

const endOf = ({ subject }: Grant): number => (subject.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(subject.expiresAt));
