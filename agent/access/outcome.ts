// What came of the writes of a pass over the access, as the hub and the rest of the agent are to know it.
import { lastEpoch } from "../../lib/access/lineage.ts";
import { groupsIn } from "../../lib/access/render.ts";
import type { Refused } from "../../lib/access/render-namespaces.ts";
import { type ApiError, isNotFound } from "../../lib/kube/client.ts";
import { Namespace } from "../../lib/kube/core.ts";
import { describe } from "../../lib/kube/log.ts";
import type { WriteResult } from "../../lib/reconcile/contract.ts";
import { isRefusal } from "../../lib/reconcile/writes.ts";
import { objectKey } from "./desired.ts";
import { latestEpochs, setsInForce } from "./known.ts";
import type { AccessReport, SetResult } from "./memory.ts";
import { type Decision, IMPERSONATOR_OBJECTS } from "./plan.ts";
import { type RefusedHere, refusedBySet, resultOf } from "./result.ts";

const REFUSED_MS = 60_000;

export interface Outcome {
  /** Something was removed or changed: access may have been revoked. */
  readonly revoked: boolean;
  readonly corrected: number;
  readonly failed: boolean;
  /** Everything is in effect, but for what is refused. */
  readonly complete: boolean;
  readonly refused: readonly RefusedHere[];
}

export interface Before {
  /** The agent had been through everything before: what it did not make is drift. */
  readonly settled: boolean;
  /** The project that a namespace is labelled with. */
  readonly projectOf: (namespace: string) => string | undefined;
  /** The groups that the impersonator may pass on now. */
  readonly groups: ReadonlySet<string>;
}

/** What came of the writes of a decision. */
export function outcomeOf({ state, known, rendered, held }: Decision, results: readonly WriteResult[], before: Before): Outcome {
  const errors = results.filter(({ error }) => error !== undefined);
  const failed = errors.some((one) => !isRefused(one));
  const refused = errors.filter((one) => isRefused(one) && !isGone(one)).map((one) => refusedOf(one, before.projectOf));
  const rbac = results.filter(({ write }) => write === "apply" || write === "remove");
  // What is to go from the cluster is not done while it stands, whatever is known of the groups.
  const reported = state === "teardown" ? refused : withoutFixedGroups(refused, groupsIn(setsInForce(known)), before.groups);
  return {
    revoked: rbac.some(({ outcome }) => outcome === "changed"),
    corrected: rbac.filter(({ write, corrected }) => corrected && (write === "apply" || before.settled)).length,
    failed,
    complete: !failed && held === 0,
    // Writes end in any order; the same refusals are to make the same report.
    refused: [...rendered.refused, ...[...reported].sort(byObject)],
  };
}

/** Of RBAC and namespaces a refusal concerns that object alone. The agent's own copy, which runs beside them, has to be kept. */
const isRefused = ({ write, error }: WriteResult): boolean => write !== "effect" && isRefusal(error);

const byObject = (a: RefusedHere, b: RefusedHere): number => (a.object < b.object ? -1 : a.object > b.object ? 1 : 0);

/** Its namespace went meanwhile: there is nothing to bind in or to mark any more, and the next pass shows it. */
const isGone = ({ write, error }: WriteResult): boolean =>
  isNotFound(error) &&
  (write === "patch" || ((error as ApiError).details as { readonly kind?: string } | undefined)?.kind === "namespaces");

function refusedOf({ object, error }: WriteResult, projectOf: Before["projectOf"]): Refused {
  const message = describe(error);
  if (object.kind !== Namespace.kind) return { object: objectKey(object), message };
  const project = projectOf(object.name);
  return { object: `Namespace ${object.name}`, message, ...(project !== undefined && { project }) };
}

/** By AccessSet. */
export function resultsOf(
  { known, rendered, restored, held, versions }: Decision,
  { refused, failed }: Outcome,
): Readonly<Record<string, SetResult>> {
  const sets = setsInForce(known);
  const bySet = refusedBySet(sets, refused);
  const shared = { restored: new Set(restored), waiting: new Set(rendered.waiting), held, failed };
  const result = (set: (typeof sets)[number]): SetResult => ({
    ...resultOf(set, { ...shared, refused: bySet.get(set.name) ?? [] }),
    version: versions[set.name],
  });
  return Object.fromEntries(sets.map((set) => [set.name, result(set)]));
}

export function reportOf(
  { known, rendered, restored }: Decision,
  { refused }: Outcome,
  counts: Pick<AccessReport, "appliedAt" | "corrected">,
): AccessReport {
  return {
    epochs: setsInForce(known).map((set) => ({ set: set.name, epoch: lastEpoch(set) })),
    ...counts,
    objects: rendered.roles.length + rendered.bindings.length,
    refused: refused.map(({ object, message }) => ({ object, message })),
    restored: latestEpochs(known, restored),
    skipped: rendered.skipped,
  };
}

export const retryRefusedMs = ({ refused }: Outcome): number | undefined => (refused.length > 0 ? REFUSED_MS : undefined);

/**
 * Under a ceiling below cluster-admin the impersonator's groups are fixed at import, and RBAC does not let the agent change the role, not even
 * to fewer: that is worth reporting only where a group is missing.
 */
function withoutFixedGroups(refused: readonly Refused[], wanted: readonly string[], held: ReadonlySet<string>): readonly RefusedHere[] {
  return refused.flatMap((one) => {
    if (!IMPERSONATOR_OBJECTS.has(one.object)) return [one];
    const missing = wanted.filter((group) => !held.has(group));
    if (held.size > 0 && missing.length === 0) return [];
    const message = `these groups were not allowed at import: ${missing.join(", ")} (${one.message})`;
    return [{ object: one.object, message, groups: missing }];
  });
}
