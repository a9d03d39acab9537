import { NamespaceReady, type Project } from "../../../crds/v1alpha1/project.ts";
import { LABEL, projectNamespace } from "../../../lib/access/names.ts";
import { scopeOfNamespace } from "../../../lib/access/scope.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { type Backing, heldBecause, judgeBacking, removeBacking, type Status } from "../backing.ts";
import type { Observed } from "./observe.ts";

export function plan(project: Project, { cluster, namespace, foreign }: Observed): Plan<Status> {
  const { type } = NamespaceReady;
  const { name, deletionTimestamp } = project.metadata;
  const scope = scopeOfNamespace(project.metadata.namespace ?? "");
  const adoptedUID = project.status?.namespaceUID;
  const known = adoptedUID === undefined ? {} : { namespaceUID: adoptedUID };
  if (!scope || scope.project !== undefined) {
    const message = `namespace ${project.metadata.namespace ?? ""} is not that of a cluster`;
    return { conditions: [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }], finalizer: "none" };
  }
  const backing: Backing = {
    name: projectNamespace(scope.cluster, name),
    labels: { [LABEL.backsCluster]: scope.cluster, [LABEL.backsProject]: name },
    adoptedUID,
    found: namespace,
    foreign,
  };
  // The Cluster waits for the namespaces of its projects, so a Project need not: theirs and the cluster's go side by side. Kubernetes would
  // come back only after a while to a namespace in which it finds Projects that are still held.
  if (cluster.is === "present" && cluster.value.metadata.deletionTimestamp && cluster.value.status?.namespaceUID) {
    const message = `cluster ${scope.cluster} is being deleted, and the project's namespace with it`;
    return {
      conditions: deletionTimestamp ? [] : [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }],
      status: known,
      ...removeBacking(backing, "going"),
    };
  }
  // A cluster that went first changes nothing about that: what was made for the project goes with it.
  if (deletionTimestamp) return { conditions: going(namespace), status: known, ...removeBacking(backing) };
  if (cluster.is === "unreadable") {
    return {
      conditions: [{ type, status: "Unknown", reason: NamespaceReady.Unreadable, message: cluster.because }],
      status: known,
      finalizer: held(adoptedUID),
    };
  }
  if (cluster.is === "absent" || !cluster.value.status?.namespaceUID) {
    const message = `cluster ${scope.cluster} does not have namespace ${project.metadata.namespace} (yet)`;
    return {
      conditions: [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }],
      status: known,
      finalizer: held(adoptedUID),
    };
  }
  const verdict = judgeBacking(backing);
  const { apply, status, is: reason } = verdict;
  if (verdict.is === "Ready") return { apply, status, conditions: [{ type, status: "True", reason, message: "" }], finalizer: "hold" };
  const condition = { type, status: verdict.is === "Unreadable" ? "Unknown" : "False", reason, message: verdict.message } as const;
  return { apply, status, conditions: [condition], finalizer: verdict.is === "NameTaken" ? "none" : "hold" };
}

/** Says what keeps a project that is being deleted. */
function going(namespace: Observed["namespace"]): readonly ConditionIntent[] {
  if (namespace.is !== "present" || namespace.value.metadata.deletionTimestamp === undefined) return [];
  const because = heldBecause([namespace.value]);
  const condition = { type: NamespaceReady.type, status: "False" } as const;
  return because.length > 0
    ? [{ ...condition, reason: NamespaceReady.HeldByFinalizers, message: because.join("; ") }]
    : [{ ...condition, reason: NamespaceReady.Going, message: `waiting for the end of ${namespace.value.metadata.name}` }];
}

/** While a namespace of ours is there, the Project must not go without it. */
const held = (adoptedUID: string | undefined): "hold" | "none" => (adoptedUID === undefined ? "none" : "hold");
