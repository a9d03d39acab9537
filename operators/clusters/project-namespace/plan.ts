import { NamespaceReady, type Project } from "../../../crds/v1alpha1/project.ts";
import { LABEL, projectNamespace } from "../../../lib/access/names.ts";
import { scopeOfNamespace } from "../../../lib/access/scope.ts";
import type { ConditionIntent, Plan } from "../../../lib/reconcile/contract.ts";
import { type Backing, heldBecause, keepBacking, removeBacking, type Status } from "../backing.ts";
import type { Observed } from "./observe.ts";

export function plan(project: Project, { cluster, namespace, unmanaged }: Observed): Plan<Status> {
  const { type } = NamespaceReady;
  const { name, deletionTimestamp } = project.metadata;
  const scope = scopeOfNamespace(project.metadata.namespace ?? "");
  const adoptedUID = project.status?.namespaceUID;
  const adopted = adoptedUID === undefined ? {} : { namespaceUID: adoptedUID };
  if (!scope || scope.project !== undefined) {
    const message = `namespace ${project.metadata.namespace ?? ""} is not that of a cluster`;
    return { conditions: [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }], finalizer: "none" };
  }
  const backing: Backing = {
    name: projectNamespace(scope.cluster, name),
    labels: { [LABEL.backsCluster]: scope.cluster, [LABEL.backsProject]: name },
    adoptedUID,
    found: namespace,
    unmanaged,
  };
  // The Cluster waits for the namespaces of its projects, so a Project need not: all are deleted side by side. Kubernetes would return to a
  // namespace with held Projects in it only after a while.
  if (cluster.is === "present" && cluster.value.metadata.deletionTimestamp && cluster.value.status?.namespaceUID) {
    const message = `cluster ${scope.cluster} is being deleted, and the project's namespace with it`;
    return {
      conditions: deletionTimestamp ? [] : [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }],
      status: adopted,
      ...removeBacking(backing, "going"),
    };
  }
  // Also when the cluster is gone already: what was created for the project is deleted with it.
  if (deletionTimestamp) return { conditions: going(namespace), status: adopted, ...removeBacking(backing) };
  if (cluster.is === "unreadable") {
    return {
      conditions: [{ type, status: "Unknown", reason: NamespaceReady.Unreadable, message: cluster.because }],
      status: adopted,
      finalizer: held(adoptedUID),
    };
  }
  if (cluster.is === "absent" || !cluster.value.status?.namespaceUID) {
    const message = `cluster ${scope.cluster} does not have namespace ${project.metadata.namespace} (yet)`;
    return {
      conditions: [{ type, status: "False", reason: NamespaceReady.ScopeNotFound, message }],
      status: adopted,
      finalizer: held(adoptedUID),
    };
  }
  return keepBacking(backing, type);
}

/** What holds a project that is being deleted. */
function going(namespace: Observed["namespace"]): readonly ConditionIntent[] {
  if (namespace.is !== "present" || namespace.value.metadata.deletionTimestamp === undefined) return [];
  const because = heldBecause([namespace.value]);
  const condition = { type: NamespaceReady.type, status: "False" } as const;
  return because.length > 0
    ? [{ ...condition, reason: NamespaceReady.HeldByFinalizers, message: because.join("; ") }]
    : [{ ...condition, reason: NamespaceReady.Going, message: `waiting for the deletion of ${namespace.value.metadata.name}` }];
}

/** While a namespace of Drover's exists, the Project must not disappear before it. */
const held = (adoptedUID: string | undefined): "hold" | "none" => (adoptedUID === undefined ? "none" : "hold");
