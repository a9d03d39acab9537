// agent-guards
// Applies the guards to the managed cluster and corrects drift at once after any change of a policy: while they are not in force, people could take
// hold of the cluster past Drover, so the agent grants nothing new. It assumes that nobody else writes these policies; what others add to one is
// taken out by making it anew. When the hub gives the cluster up and the access is revoked, it removes them.
import { describe } from "../../lib/kube/log.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { type Plan, type Reconciler, SINGLETON, type WriteResult } from "../../lib/reconcile/contract.ts";
import type { AccessMemory } from "../access/memory.ts";
import type { Guards } from "./guards.ts";
import { KINDS, observe } from "./observe.ts";
import { type Observed, plan } from "./plan.ts";

export interface GuardsReconcilerOptions {
  readonly guards: Guards;
  readonly memory: Pick<AccessMemory, "teardown" | "addCorrected">;
  /** Drover itself lives in this cluster: its guards are never removed. */
  readonly isHub: boolean;
}

const NAME = "agent-guards";

export function guardsReconciler({ guards, memory, isHub }: GuardsReconcilerOptions): Reconciler<KubeObject, Observed, boolean> {
  return {
    name: NAME,
    subject: SINGLETON,
    watches: [],
    triggers: [memory.teardown],
    owns: { conditions: [], kinds: KINDS },
    permissions: [
      {
        apiGroups: ["admissionregistration.k8s.io"],
        resources: KINDS.map(({ plural }) => plural),
        verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
      },
    ],
    retryCapMs: 5_000,
    observe: async (_one, read) => observe(read, guards, !isHub && memory.teardown.value !== "none"),
    plan: (_one, observed) => plan(observed, NAME),
    written: ({ status: isGivenUp }: Plan<boolean>, results) => {
      const failed = results.find(({ error }) => error !== undefined);
      guards.setFailure(failed && describe(failed.error));
      if (isGivenUp) {
        if (failed === undefined && memory.teardown.value === "revoked") memory.teardown.set("removed");
        return undefined;
      }
      const corrected = results.filter(isCorrection).length;
      if (corrected > 0) memory.addCorrected(corrected);
      return undefined;
    },
  };
}

/** A policy of ours to which somebody added something is removed, and made anew in the next pass: one correction. */
const isCorrection = ({ write, outcome, corrected }: WriteResult): boolean => corrected || (write === "remove" && outcome === "changed");
