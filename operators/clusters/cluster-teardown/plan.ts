import type { ReasonOf } from "../../../crds/schema/condition.ts";
import { type Cluster, TornDown } from "../../../crds/v1alpha1/cluster.ts";
import { GROUP } from "../../../lib/access/names.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { isRecent, lastHeartbeat, SILENCE_MS } from "../heartbeat.ts";
import type { Observed } from "./observe.ts";

/** An agent that answers gets so many grace periods: even one that never finishes does not hold a Cluster forever. */
const GRACE_PERIODS_WHILE_CONNECTED = 10;
const OWN_FINALIZER = `${GROUP}/cluster-teardown`;

export function plan(cluster: Cluster, observed: Observed, now: Date): Plan<never> {
  const { deletionTimestamp, finalizers = [] } = cluster.metadata;
  if (!deletionTimestamp) return { conditions: [], finalizer: "hold" };
  // How it ended is reported already. The report and the registration, which go next, say nothing new about it.
  if (!finalizers.includes(OWN_FINALIZER)) return { conditions: [], finalizer: "none" };
  const { registration, report, lease, graceSeconds } = observed;
  const unreadable = [registration, report, lease].find((reading) => reading.is === "unreadable");
  if (unreadable) return { conditions: [tornDown("Unknown", "Unreadable", unreadable.because)], finalizer: "hold" };
  if (registration.is !== "present" || !registration.value.status?.publicKey) return last(cluster, tornDown("True", "NothingToDo", ""));
  if (report.is === "present" && report.value.status?.teardown === "Done") return last(cluster, tornDown("True", "Done", ""));

  const heartbeat = lastHeartbeat(lease.is === "present" ? lease.value : undefined);
  const connected = isRecent(heartbeat, now);
  const graceMs = graceSeconds * 1000 * (connected ? GRACE_PERIODS_WHILE_CONNECTED : 1);
  const left = Date.parse(deletionTimestamp) + graceMs - now.getTime();
  if (left > 0) {
    // Whichever comes first: the grace period ends, or the agent stops answering.
    const silence = connected && heartbeat !== undefined ? heartbeat + SILENCE_MS - now.getTime() : Number.POSITIVE_INFINITY;
    const message = connected ? "the agent is removing Drover's objects" : "the agent does not answer; waiting for the grace period to end";
    return {
      conditions: [tornDown("False", "CleaningUp", message)],
      finalizer: "hold",
      requeueAfter: { ms: Math.max(0, Math.min(left, silence)), because: "the grace period" },
    };
  }
  const why = connected ? `the agent did not finish within ${graceMs / 1000} s` : `the agent could not be reached for ${graceSeconds} s`;
  return last(cluster, tornDown("False", "LeftBehind", `${why}. Left in the cluster: ${LEFT}`));
}

const LEFT =
  "namespace drover-system with the agent, ClusterRoles, ClusterRoleBindings and RoleBindings labelled app.kubernetes.io/managed-by=drover, " +
  "and the ValidatingAdmissionPolicies drover-*. To remove them: kubectl delete validatingadmissionpolicybindings,validatingadmissionpolicies," +
  "clusterrolebindings,clusterroles -l app.kubernetes.io/managed-by=drover; kubectl delete rolebindings -A -l app.kubernetes.io/managed-by=drover; " +
  "kubectl delete namespace drover-system";

/** The result is reported first, and the finalizer released in the next pass: nobody can read the status of an object that is gone. */
function last(cluster: Cluster, condition: ConditionIntent): Plan<never> {
  const said = cluster.status?.conditions?.some(({ type, reason }) => type === condition.type && reason === condition.reason);
  if (said) return { conditions: [condition], finalizer: "release" };
  return { conditions: [condition], finalizer: "hold", requeueAfter: { ms: 0, because: "the result is reported" } };
}

const tornDown = (status: ConditionIntent["status"], reason: ReasonOf<typeof TornDown>, message: string): ConditionIntent => ({
  type: TornDown.type,
  status,
  reason,
  message,
});
