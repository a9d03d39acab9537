// accessset-status
// Says in the status of each AccessSet which epoch of it is in effect in this cluster, and what stands against it: the hub shows it to people,
// and goes by the epochs when it was restored. It assumes that a result is about the version of the set that it was made from only.
import { AccessSet, Applied } from "../../crds/v1alpha1/accessset.ts";
import type { Plan, Reconciler } from "../../lib/reconcile/contract.ts";
import { READY } from "../../lib/reconcile/ready.ts";
import type { Shared } from "../../lib/reconcile/shared.ts";
import type { SetResult } from "../access/memory.ts";
import { versionOfSet } from "../access/observe.ts";

type Status = Pick<NonNullable<AccessSet["status"]>, "epoch" | "appliedAt" | "knownEpoch">;
type Results = Shared<Readonly<Record<string, SetResult>>>;

export const accessSetStatus = (results: Results): Reconciler<AccessSet, SetResult | undefined, Status> => ({
  name: "accessset-status",
  subject: AccessSet,
  watches: [],
  triggers: [results],
  owns: { conditions: [Applied.type, READY], kinds: [] },
  permissions: [],
  retryCapMs: 30_000,
  observe: async ({ metadata }) => results.value[metadata.name],
  plan,
});

export function plan(set: AccessSet, result: SetResult | undefined, now: Date): Plan<Status> {
  // Of the version that the hub has now nothing is known yet: the next pass over the access tells.
  if (result === undefined || result.version !== versionOfSet(set)) return { conditions: [], finalizer: "none" };
  const { epoch, knownEpoch, condition } = result;
  return {
    conditions: [condition],
    status: {
      ...(epoch !== undefined && epoch !== set.status?.epoch && { epoch, appliedAt: now.toISOString() }),
      ...(knownEpoch !== undefined && { knownEpoch }),
    },
    finalizer: "none",
  };
}
