// A hub with its operator, which can be restored from backups, and an agent that looks at it: for stories about what the agent goes by.

import { advance, type Known, NOTHING, setsInForce } from "../../agent/access/known.ts";
import { seenSet, seenTemplate } from "../../agent/access/observe.ts";
import type { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import type { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { factsOf } from "../../lib/access/compile-binding.ts";
import { compileCluster } from "../../lib/access/compile-cluster.ts";
import { nextLineage, notBefore, TEMPLATE_BOUNDS } from "../../lib/access/lineage.ts";
import { CLUSTER_SET, projectNamespace, projectSet } from "../../lib/access/names.ts";

const BEGIN = Date.parse("2026-06-01T00:00:00Z");
export const TEMPLATE = "reader";
export const PROJECTS = ["a", "b"];
export const VERBS = ["get", "list", "delete"];

/** One content of a project's grants, or of the template, in the tree that restores make of its history. */
export interface Moment {
  readonly line: string;
  readonly parent: Moment | undefined;
  readonly content: string;
  /** When it began, in steps of the story, if by an acceptance or with a project made anew. */
  readonly trusted?: number;
}

export interface HubState {
  readonly grants: ReadonlySet<string>;
  readonly verbs: readonly string[];
  readonly projects: Readonly<Record<string, string>>;
  readonly sets: readonly AccessSet[];
  readonly template: ClusterRoleTemplate;
  readonly acceptedAt: number | undefined;
  /** By project, and of the template. */
  readonly moments: Readonly<Record<string, Moment>>;
}

/** Hub and operator. Grants are written "<project>/<user>". */
export class Hub {
  state: HubState;
  step = 0;
  /** The operator's clock minus the true one, in milliseconds. */
  skew = 0;
  readonly backups: HubState[] = [];
  #uids = 0;
  #before: HubState | undefined;

  constructor() {
    const template = {
      apiVersion: "drover.dev/v1alpha1",
      kind: "ClusterRoleTemplate",
      metadata: { name: TEMPLATE, uid: "template", creationTimestamp: new Date(BEGIN).toISOString() },
      spec: { context: "Project", rules: [] },
    } as unknown as ClusterRoleTemplate;
    this.state = {
      grants: new Set(),
      verbs: ["get"],
      projects: { a: "uid-a", b: "uid-b" },
      sets: [],
      template,
      acceptedAt: undefined,
      moments: {},
    };
    this.change({});
    this.backups.push(this.state);
  }

  /** By the API server's clock, which goes on. */
  get time(): number {
    return BEGIN + this.step * 2000;
  }

  change(change: Partial<HubState>, trusted: readonly string[] = []): void {
    this.step++;
    const next = { ...this.state, ...change };
    const moments: Record<string, Moment> = {};
    for (const line of [...PROJECTS, "template"]) {
      const [parent, content] = [this.state.moments[line], contentOf(next, line)];
      const same = parent?.content === content && !trusted.includes(line);
      moments[line] = same ? parent : { line, parent, content, ...(trusted.includes(line) && { trusted: this.step }) };
    }
    this.#before = this.state;
    this.state = this.#reconciled({ ...next, moments });
  }

  /** While the last change is being written: the index, which comes last, is as before, and of the rest so is what `late` names. */
  halfWritten(late: readonly string[]): HubState {
    const [before, now] = [this.#before ?? this.state, this.state];
    // Nobody who has seen more sees less again.
    this.#before = undefined;
    const of = (line: string): HubState => (late.includes(line) ? before : now);
    const sets = (from: HubState, name: string) => from.sets.filter(({ metadata }) => metadata.name === name);
    return {
      ...now,
      template: of("template").template,
      verbs: of("template").verbs,
      sets: [...sets(before, CLUSTER_SET), ...PROJECTS.flatMap((name) => sets(of(name), projectSet(name)))],
      grants: new Set(PROJECTS.flatMap((name) => [...of(name).grants].filter((grant) => lineOf(grant) === name))),
      moments: Object.fromEntries([...PROJECTS, "template"].flatMap((line) => of(line).moments[line] ?? []).map((one) => [one.line, one])),
    };
  }

  restore(backup: number): void {
    this.step++;
    this.state = this.backups[backup % this.backups.length] as HubState;
    // Caches that hold the time before the restore are replaced as a whole.
    this.#before = undefined;
  }

  accept(): void {
    this.change({ acceptedAt: this.time + 1_000_000 }, [...PROJECTS, "template"]);
  }

  /** The operator has no memory of an AccessSet that somebody deleted. */
  loseSet(name: string): void {
    this.state = { ...this.state, sets: this.state.sets.filter(({ metadata }) => metadata.name !== name) };
    this.change({});
  }

  acknowledge(known: Known, restored: readonly string[]): void {
    const sets = this.state.sets.map((set) => {
      const mine = known.sets[set.metadata.name];
      if (mine === undefined || restored.includes(`AccessSet ${set.metadata.name}`)) return set;
      return { ...set, status: { knownEpoch: Number.parseInt(mine.history.at(-1) ?? "0", 10) } };
    });
    this.#before = undefined;
    this.state = { ...this.state, sets };
  }

  #reconciled(state: HubState): HubState {
    const now = new Date(this.time + this.skew);
    const rules = [{ apiGroups: [""], resources: ["pods"], verbs: [...state.verbs] }];
    const given = { rules, capabilities: [], ...(state.acceptedAt !== undefined && { restoreAcceptedAt: state.acceptedAt }) };
    const { history } = nextLineage(given, {
      previous: state.template.status?.history ?? [],
      after: notBefore(now, state.acceptedAt),
      bounds: TEMPLATE_BOUNDS,
    });
    const conditions = [{ type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime: "" }];
    const accepted = { ...state.template, status: { ...given, history, conditions } } as ClusterRoleTemplate;
    const { sets } = compileCluster({
      cluster: { metadata: { name: "east" } },
      facts: factsOf(
        {
          user: (name) => ({ metadata: { name }, spec: {} }),
          provider: () => undefined,
          template: () => accepted,
          globalRole: () => undefined,
          gaps: [],
        },
        now,
      ),
      globalBindings: [],
      clusterBindings: [],
      projects: Object.entries(state.projects).map(([name, uid]) => ({ metadata: { name, uid }, spec: {}, status: { namespaceUID: "n" } })),
      projectBindings: [...state.grants].map((grant) => {
        const [project = "", name = ""] = grant.split("/");
        const metadata = { name, namespace: projectNamespace("east", project) };
        return { metadata, spec: { template: TEMPLATE, subject: { kind: "User" as const, name } } };
      }),
      previous: state.sets,
      restoreAcceptedAt: state.acceptedAt,
      mayGrant: true,
    });
    const written = sets.map(({ name, spec: said }): AccessSet => {
      const before = state.sets.find(({ metadata }) => metadata.name === name);
      const metadata = before?.metadata ?? { name, uid: `set-${++this.#uids}`, creationTimestamp: new Date(this.time).toISOString() };
      return {
        apiVersion: "drover.dev/v1alpha1",
        kind: "AccessSet",
        metadata,
        spec: said,
        ...(before?.status && { status: before.status }),
      };
    });
    return { ...state, template: accepted, sets: written };
  }
}

/** The agent, with what it was seen to have, and to have lost, at which moments of the hub. */
export class Agent {
  known: Known = NOTHING;
  restored: readonly string[] = [];
  /** What it looked at last. */
  saw: HubState | undefined;

  look(state: HubState): void {
    this.saw = state;
    const { known, restored } = advance(this.known, state.sets.map(seenSet), [seenTemplate(state.template)]);
    // As after a restart: what is remembered is what was saved.
    this.known = JSON.parse(JSON.stringify(known)) as Known;
    this.restored = restored;
  }

  /** Grants, and what the template gives. */
  get applied(): ReadonlySet<string> {
    const grants = setsInForce(this.known).flatMap(({ project, bindings }) =>
      bindings.flatMap(({ subjects }) => subjects.map(({ name }) => `${project?.name}/${name.replace("drover:user:", "")}`)),
    );
    const { rules = [], accepted = false } = this.known.templates[TEMPLATE] ?? {};
    return new Set([...grants, ...(accepted ? rules.flatMap(({ verbs }) => verbs.map((verb) => `template/${verb}`)) : [])]);
  }
}

export const said = ({ grants, verbs }: HubState): ReadonlySet<string> =>
  new Set([...grants, ...(grants.size > 0 ? verbs.map((verb) => `template/${verb}`) : [])]);

export const lineOf = (right: string): string => right.split("/")[0] ?? "";
const contentOf = ({ grants, verbs, projects }: HubState, line: string): string =>
  JSON.stringify(line === "template" ? verbs : [projects[line], [...grants].filter((one) => lineOf(one) === line).sort()]);
