// agent-access
// Makes the managed cluster's RBAC what the AccessSets of this cluster say, and corrects drift: any change on the hub or here leads to one pass
// over everything, which reads only caches, plans in pure functions and writes only differences. It assumes that it is the only writer of
// objects with Drover's label, and that nothing new may be granted while the guards are not in force. What it goes by is kept in this cluster,
// so that it goes on while the hub is away.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { CLUSTER_SET, LABEL, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import type { Log } from "../../lib/kube/log.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { type Plan, predicate, type Reader, type Reconciler, SINGLETON, type WriteResult, watchAll } from "../../lib/reconcile/contract.ts";
import type { Trigger } from "../../lib/reconcile/shared.ts";
import type { AccessMemory } from "./memory.ts";
import { impersonatedGroups, managedNamespace, managedOf, observe, versionOfSet, versionThatCounts } from "./observe.ts";
import { outcomeOf, reportOf, resultsOf, retryRefusedMs } from "./outcome.ts";
import { type Decision, type Observed, plan, renderKnown } from "./plan.ts";

export interface AccessOptions {
  readonly memory: AccessMemory;
  /** Whether something new may be granted now; changes when the guards do. */
  readonly guards: Trigger & { readonly enforced: boolean };
  /** Drover itself lives in this cluster. */
  readonly isHub: boolean;
  /** Access may have been revoked. */
  readonly onRevoked: () => void;
  readonly log: Log;
}

const RBAC = "rbac.authorization.k8s.io";

export function access(options: AccessOptions): Reconciler<KubeObject, Observed, Decision> {
  const { memory, guards, isHub } = options;
  const results = new Results(options);
  return {
    name: "agent-access",
    subject: SINGLETON,
    watches: [
      watchAll(AccessSet, { optional: true }),
      watchAll(ClusterRoleTemplate, { optional: true }),
      watchAll(Namespace, { side: "target" }),
    ],
    triggers: [guards, memory.hubAheadMs, memory.clusterScoped, memory.corrected],
    predicates: [
      // The agent's own status writes come back as changes; only a spec is news.
      predicate(AccessSet, versionOfSet),
      predicate(Namespace, managedNamespace),
      predicate(ClusterRole, versionThatCounts(memory)),
    ],
    owns: {
      conditions: [],
      kinds: [ClusterRole, ClusterRoleBinding, RoleBinding],
      patches: [{ kind: Namespace, side: "target" }],
      writesAtOnce: 16,
      ignoresOwnWrites: true,
      reportsRefusals: true,
    },
    permissions: [
      { apiGroups: [""], resources: ["namespaces"], verbs: ["get", "list", "watch", "patch"] },
      {
        apiGroups: [RBAC],
        resources: ["clusterroles", "clusterrolebindings", "rolebindings"],
        verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
      },
    ],
    retryCapMs: 5_000,
    assumed: (read) => assumed(read, memory),
    observe: async (_one, read) => {
      memory.groups ??= impersonatedGroups(read);
      return observe(read, memory, { guardsEnforced: guards.enforced, isHub });
    },
    plan,
    written: (made, writes, read) => results.take(made, writes, read),
  };
}

/** What the agent had brought into effect before it was started anew: differences from that are somebody else's doing. */
function assumed(read: Reader, memory: AccessMemory): readonly KubeObject[] {
  if (memory.known.sets[CLUSTER_SET] === undefined) return [];
  memory.wasSettled = true;
  const managed = managedOf(read, memory);
  // A namespace without the project's UID joined while no agent was there.
  const namespaces = managed.namespaces.filter(({ annotations }) => annotations[PROJECT_UID_ANNOTATION] !== undefined);
  const { roles, bindings } = renderKnown(memory.known, { ...managed, namespaces }, new Date(Date.now() + memory.hubAheadMs.value));
  return [...roles, ...bindings];
}

/** Makes of a pass what the rest of the agent and the hub are to know. */
class Results {
  readonly #options: AccessOptions;
  #logged = "";

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  take({ status: decision }: Plan<Decision>, writes: readonly WriteResult[], read: Reader): number | undefined {
    const { memory, onRevoked, log } = this.#options;
    if (decision === undefined || decision.state === "idle") return undefined;
    memory.known = decision.known;
    memory.forgotten = decision.forgotten;
    memory.groups = impersonatedGroups(read);
    this.#logOnce(decision);
    if (decision.state !== "in force" && decision.state !== "teardown") return undefined;
    const settled = memory.settled || memory.wasSettled;
    const projectOf = (name: string): string | undefined => {
      const namespace = read.get(Namespace, name);
      return namespace.is === "present" ? namespace.value.metadata.labels?.[LABEL.project] : undefined;
    };
    const outcome = outcomeOf(decision, writes, { settled, projectOf, groups: memory.groups });
    if (outcome.revoked) onRevoked();
    if (decision.state === "teardown") {
      const [first] = outcome.refused;
      // Nobody reads a report any more: the log says what stands against it, and the retry waits longer each time.
      if (first !== undefined) throw new Error(`not removed: ${first.object}: ${first.message}`);
      if (outcome.complete) memory.teardown.set("revoked");
      return undefined;
    }
    if (outcome.corrected > 0) {
      log.info("drift corrected", { objects: outcome.corrected });
      memory.addCorrected(outcome.corrected);
    }
    if (outcome.complete) {
      memory.settled = true;
      memory.appliedAt = new Date().toISOString();
    }
    memory.results.set(resultsOf(decision, outcome));
    memory.report.set(reportOf(decision, outcome, { appliedAt: memory.appliedAt, corrected: memory.corrected.value }));
    return retryRefusedMs(outcome);
  }

  #logOnce({ state, problems }: Decision): void {
    const { log } = this.#options;
    const news = `${state}: ${problems.join("; ")}`;
    if (news === this.#logged) return;
    this.#logged = news;
    if (problems.length > 0) log.warn("what the hub says is not followed", { problems });
    if (state === "waiting") log.info("nothing is known yet of the access in this cluster: everything stays as it is");
    // Drover itself lives here; whatever was meant, the access that there is stays.
    if (state === "refused") log.error("the access sets of the hub ask for a teardown, which is never done there");
    if (state === "teardown") log.info("the hub gave this cluster up: removing everything");
  }
}
