// What is said about each AccessSet: which epoch is in effect, and what stands against it. Pure.
import { Applied } from "../../crds/v1alpha1/accessset.ts";
import { lastEpoch } from "../../lib/access/lineage.ts";
import { CLUSTER_SET, templateRole } from "../../lib/access/names.ts";
import type { Refused } from "../../lib/access/render-namespaces.ts";
import type { ConditionIntent } from "../../lib/reconcile/contract.ts";
import { type SeenSet, setObject } from "./known.ts";
import type { SetResult } from "./memory.ts";
import type { Taken } from "./takeover.ts";

const ACCEPT = "see `kubectl drover hub accept-restore`";

export interface PassResult {
  /** Kind and name of what is not taken over, because the hub was restored. */
  readonly restored: ReadonlySet<string>;
  /** What concerns this set. */
  readonly refused: readonly Refused[];
  /** Sets of which a template is not known yet. */
  readonly waiting: ReadonlySet<string>;
  /** Objects held back because the guards are not in force. */
  readonly held: number;
  readonly failed: boolean;
}

export function resultOf(set: Taken<SeenSet>, pass: PassResult): SetResult {
  const say = (status: "True" | "False", reason: Exclude<keyof typeof Applied, "type">, message: string): ConditionIntent => ({
    type: Applied.type,
    status,
    reason,
    message,
  });
  const epoch = lastEpoch(set);
  if (pass.restored.has(setObject(set.name))) {
    const head = set.held === undefined ? "nothing is changed" : `what is withdrawn until epoch ${lastEpoch(set.held.head)} is withdrawn`;
    const message = `the set does not go on from epoch ${epoch}, which is known here: ${head}, and nothing is granted; ${ACCEPT}`;
    return { epoch: undefined, knownEpoch: undefined, condition: say("False", "HubRestored", message) };
  }
  const seen = { epoch: undefined, knownEpoch: epoch };
  if (pass.held > 0)
    return { ...seen, condition: say("False", "GuardsNotEnforced", "the guards are not in force: nothing new is granted") };
  if (pass.failed) return { ...seen, condition: say("False", "Applying", "some requests failed and are retried") };
  if (pass.waiting.has(set.name)) {
    return { ...seen, condition: say("False", "Applying", "a template of the set is not here yet, or not accepted") };
  }
  const [first] = pass.refused;
  if (first === undefined) return { epoch, knownEpoch: epoch, condition: say("True", "Applied", "") };
  const more = pass.refused.length > 1 ? ` (and ${pass.refused.length - 1} more)` : "";
  return { epoch, knownEpoch: epoch, condition: say("False", "PartlyRefused", `${first.object}: ${first.message}${more}`.slice(0, 1024)) };
}

export interface RefusedHere extends Refused {
  /** Groups that cannot be passed on. */
  readonly groups?: readonly string[];
}

/** What was refused, by the sets that it concerns. What concerns none any more, such as a removal, is the matter of the index. */
export function refusedBySet(sets: readonly SeenSet[], refused: readonly RefusedHere[]): ReadonlyMap<string, readonly RefusedHere[]> {
  const bySet = new Map<string, RefusedHere[]>();
  for (const one of refused) {
    const concerned = sets.filter((set) => concerns(set, one)).map(({ name }) => name);
    for (const name of concerned.length > 0 ? concerned : [CLUSTER_SET]) bySet.set(name, [...(bySet.get(name) ?? []), one]);
  }
  return bySet;
}

function concerns(set: SeenSet, { object, project, groups }: RefusedHere): boolean {
  if (object === setObject(set.name)) return true;
  if (groups !== undefined) return set.bindings.some(({ subjects }) => subjects.some(({ name }) => groups.includes(name)));
  const of = project ?? projectOf(object);
  if (of !== undefined) return set.project?.name === of;
  const [kind, name = ""] = object.split(" ");
  if (kind === "ClusterRoleBinding") return set.scope === "Cluster";
  return kind === "ClusterRole" && set.bindings.some(({ template }) => templateRole(template) === name);
}

/** The project that an object of ours is about, by its name. Names of projects and templates hold no colon. */
function projectOf(object: string): string | undefined {
  const [kind, path = ""] = object.split(" ");
  const [, project, what] = path.slice(path.indexOf("/") + 1).split(":");
  return kind === "RoleBinding" || what === "create-namespaces" ? project : undefined;
}
