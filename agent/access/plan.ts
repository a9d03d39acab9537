import { CLUSTER_SET, LABEL, PROJECT_UID_ANNOTATION, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { groupsIn, type Rendered, render } from "../../lib/access/render.ts";
import type { ManagedNamespace } from "../../lib/access/render-namespaces.ts";
import { impersonatorBinding, impersonatorRole } from "../../lib/components/impersonator.ts";
import { Namespace } from "../../lib/kube/core.ts";
import { type KubeObject, type ObjectRef, refOf } from "../../lib/kube/object.ts";
import type { Effect, Patch, Plan } from "../../lib/reconcile/contract.ts";
import { writesFor } from "./desired.ts";
import { advance, goesOn, isTeardown, type Known, type SeenSet, type SeenTemplate, setsInForce, type Versions } from "./known.ts";
import type { State } from "./state.ts";

export interface Observed {
  readonly known: Known;
  readonly forgotten: Versions | undefined;
  /** What the hub's caches hold; undefined before both have a first list: the agent goes by its own copy. */
  readonly hub: HubView | undefined;
  readonly namespaces: readonly ManagedNamespace[];
  readonly clusterRoles: { has(name: string): boolean };
  /** Undefined before the first discovery: nothing is rendered before. */
  readonly clusterScoped: ReadonlySet<string> | undefined;
  /** RBAC objects with Drover's label: what was rendered from AccessSets once, and the impersonator's. */
  readonly objects: readonly KubeObject[];
  readonly inventory: readonly KubeObject[];
  readonly applied: readonly ObjectRef[];
  readonly live: (object: KubeObject) => KubeObject | undefined;
  readonly guardsEnforced: boolean;
  /** Drover itself lives in this cluster. */
  readonly isHub: boolean;
  readonly hubAheadMs: number;
  readonly corrected: number;
  /** The teardown is done as far as access goes. */
  readonly revoked: boolean;
}

export interface HubView {
  readonly sets: readonly SeenSet[];
  readonly templates: readonly SeenTemplate[];
  /** By AccessSet: which version of the object it is. */
  readonly versions: Readonly<Record<string, string | undefined>>;
}

/** What a pass decided; `written` makes results of it. */
export interface Decision {
  /**
   * idle: nothing is to be done. waiting: nothing was ever known of this cluster's access, which is no order to have none. refused: the hub
   * asks its own agent for a teardown.
   */
  readonly state: "idle" | "waiting" | "in force" | "teardown" | "refused";
  readonly known: Known;
  readonly forgotten: Versions | undefined;
  readonly restored: readonly string[];
  readonly problems: readonly string[];
  readonly versions: HubView["versions"];
  readonly rendered: Rendered;
  readonly held: number;
}

export interface SaveState extends Effect {
  readonly type: "saveState";
  readonly state: State;
}

/** The impersonator's own role and its binding: not granted to people, so neither pruned nor held back with what is. */
export const IMPERSONATOR_OBJECTS: ReadonlySet<string> = new Set([
  "ClusterRole drover:impersonator",
  "ClusterRoleBinding drover:impersonator",
]);
const NOTHING_RENDERED: Rendered = { roles: [], bindings: [], claims: [], skipped: [], refused: [], waiting: [] };
/** While an end date is ahead, how often to look at the clock, which somebody may set right meanwhile. */
const CLOCK_CHECK_MS = 60_000;
const TEARDOWN_MS = 1_000;

export function plan(_one: KubeObject, observed: Observed, now: Date): Plan<Decision> {
  const seen = look(observed);
  const decision = { ...seen, versions: observed.hub?.versions ?? {}, rendered: NOTHING_RENDERED, held: 0 };
  const end = { conditions: [], finalizer: "none" as const };
  if (observed.revoked || observed.clusterScoped === undefined) return { ...end, status: { ...decision, state: "idle" } };
  if (seen.known.sets[CLUSTER_SET] === undefined) return { ...end, status: { ...decision, state: "waiting" } };
  if (isTeardown(seen.known)) {
    if (observed.isHub) return { ...end, status: { ...decision, state: "refused" } };
    return { ...end, ...removal(observed), status: { ...decision, state: "teardown" } };
  }
  const atHub = new Date(now.getTime() + observed.hubAheadMs);
  const rendered = renderKnown(seen.known, observed, atHub);
  const { held, ...writes } = writesFor({
    roles: [impersonatorRole(groupsIn(setsInForce(seen.known))), ...rendered.roles],
    bindings: [impersonatorBinding, ...rendered.bindings].sort(byKind),
    inventory: observed.inventory,
    applied: observed.applied,
    live: observed.live,
    terminating: new Set(observed.namespaces.filter(({ terminating }) => terminating).map(({ name }) => name)),
    enforced: observed.guardsEnforced,
    exempt: IMPERSONATOR_OBJECTS,
  });
  const nextMs = rendered.nextEnd === undefined ? undefined : Date.parse(rendered.nextEnd) - atHub.getTime() + 1;
  return {
    ...end,
    ...writes,
    patches: rendered.claims.map(({ namespace, uid }) =>
      patchOf(namespace, { metadata: { annotations: { [PROJECT_UID_ANNOTATION]: uid ?? null } } }),
    ),
    beside: [saveState({ known: seen.known, corrected: observed.corrected, hubAheadMs: observed.hubAheadMs })],
    status: { ...decision, state: "in force", rendered, held },
    ...(nextMs !== undefined && { requeueAfter: { ms: Math.min(nextMs, CLOCK_CHECK_MS), because: "a grant ends" } }),
  };
}

export const renderKnown = (known: Known, observed: Pick<Observed, "namespaces" | "clusterScoped" | "clusterRoles">, now: Date): Rendered =>
  render({
    sets: setsInForce(known),
    templates: new Map(Object.entries(known.templates)),
    namespaces: observed.namespaces,
    clusterScoped: observed.clusterScoped ?? new Set(),
    clusterRoles: observed.clusterRoles,
    now,
  });

/** What the agent goes by after a look at the hub. */
function look({ known, forgotten, hub }: Observed): Pick<Decision, "known" | "forgotten" | "restored" | "problems"> {
  if (hub === undefined) return { known, forgotten, restored: [], problems: [] };
  if (forgotten !== undefined && !goesOn(forgotten, hub.sets, hub.templates)) {
    const problem =
      "the hub was restored, and what was known here was too large to be kept: nothing is changed until the restore is accepted";
    return { known, forgotten, restored: [], problems: [problem] };
  }
  return { forgotten: undefined, ...advance(known, hub.sets, hub.templates) };
}

/** Everything that was rendered, the impersonator's permissions, and what marks namespaces as part of projects. */
function removal({ objects, namespaces }: Observed): Pick<Plan<never>, "remove" | "removeLast" | "patches" | "requeueAfter"> {
  const refs = objects.map(refOf);
  const marks = { metadata: { labels: { [LABEL.project]: null }, annotations: { [PROJECT_UID_ANNOTATION]: null } } };
  const marked = namespaces.filter(({ labels, annotations }) => annotations[PROJECT_UID_ANNOTATION] ?? labels[LABEL.project]);
  return {
    remove: refs.filter(({ kind }) => kind !== "ClusterRole"),
    removeLast: refs.filter(({ kind }) => kind === "ClusterRole"),
    patches: marked.map(({ name }) => patchOf(name, marks)),
    requeueAfter: { ms: TEARDOWN_MS, because: "what was refused is retried" },
  };
}

const patchOf = (namespace: string, patch: object): Patch => ({
  object: { apiVersion: Namespace.apiVersion, kind: Namespace.kind, name: namespace },
  patch,
});

const saveState = (state: State): SaveState => ({
  type: "saveState",
  subject: { apiVersion: "v1", kind: "Secret", name: "agent-state", namespace: SYSTEM_NAMESPACE },
  state,
});

const byKind = (a: KubeObject, b: KubeObject): number => (a.kind === b.kind ? 0 : a.kind < b.kind ? -1 : 1);
