// What the agent of a cluster may do on the hub, one row for each kind. The ClusterRoles of agents on the hub, the paths that the proxy
// forwards for them, the guard that limits them to the status of reported kinds, and a table in docs/architecture.md follow from it. Pure.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { AGENT, GROUP, MANAGED_BY } from "../access/names.ts";
import { Lease } from "../kube/core.ts";
import type { Kind, KubeObject, PolicyRule } from "../kube/object.ts";
import type { HubComponentName } from "./components.ts";

export interface AgentPermission {
  /** Namespaced: the row is about objects in the namespace of the agent's own cluster. Cluster-scoped: about all objects, for every agent. */
  readonly kind: Kind<KubeObject>;
  /** The row is about the object of this name only. Without a name it is about every object, and `read` includes list and watch. */
  readonly name?: string;
  readonly read?: true;
  readonly patch?: {
    /**
     * status: the subresource; the API server then ignores metadata. spec: the object itself, for a kind without a status; a guard in
     * lib/guards/hub.ts must refuse changes of its metadata.
     */
    readonly part: "status" | "spec";
    /** Limit on the body of one request. */
    readonly maxBytes: number;
    /** The component that creates the objects and writes their other fields. */
    readonly writer: HubComponentName;
  };
}

/** Limit on the body of one patch of a status. */
export const STATUS_BYTES = 64 * 1024;

export const AGENT_ON_HUB: readonly AgentPermission[] = [
  { kind: ClusterRoleTemplate, read: true },
  { kind: AccessSet, read: true, patch: { part: "status", maxBytes: STATUS_BYTES, writer: "operator-access" } },
  { kind: ClusterReport, name: AGENT, patch: { part: "status", maxBytes: STATUS_BYTES, writer: "operator-clusters" } },
  { kind: Lease, name: AGENT, patch: { part: "spec", maxBytes: 4 * 1024, writer: "operator-clusters" } },
];

/** The rules for namespaced kinds, bound in the namespace of each cluster, or those for cluster-scoped kinds, bound in the whole hub. */
export const agentRules = (scope: "namespaced" | "cluster", table = AGENT_ON_HUB): readonly PolicyRule[] =>
  table.filter(({ kind }) => kind.namespaced === (scope === "namespaced")).flatMap(rulesOf);

function rulesOf({ kind, name, read, patch }: AgentPermission): readonly PolicyRule[] {
  const on = (resource: string) => ({
    apiGroups: [groupOf(kind)],
    resources: [resource],
    ...(name !== undefined && { resourceNames: [name] }),
  });
  return [
    ...(read ? [{ ...on(kind.plural), verbs: name === undefined ? ["get", "list", "watch"] : ["get"] }] : []),
    ...(patch ? [{ ...on(patch.part === "status" ? `${kind.plural}/status` : kind.plural), verbs: ["patch"] }] : []),
  ];
}

export interface ReportedKind {
  readonly kind: Kind<KubeObject>;
  readonly name: string | undefined;
  readonly writer: HubComponentName;
}

/** Drover's kinds whose status agents write. */
export const reportedKinds = (table = AGENT_ON_HUB): readonly ReportedKind[] =>
  table.flatMap(({ kind, name, patch }) =>
    patch?.part === "status" && groupOf(kind) === GROUP ? [{ kind, name, writer: patch.writer }] : [],
  );

/**
 * The object `agent` of each kind that agents report to under that name: they may not create it, so its writer does, in each cluster's
 * namespace. A reported kind has a `spec`, which is empty.
 */
export const agentObjects = (writer: HubComponentName, namespace: string, table = AGENT_ON_HUB): readonly KubeObject[] =>
  agentObjectKinds(writer, table).map((kind) => ({
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { name: AGENT, namespace, labels: MANAGED_BY },
    ...(groupOf(kind) === GROUP && { spec: {} }),
  }));

export const agentObjectKinds = (writer: HubComponentName, table = AGENT_ON_HUB): readonly Kind<KubeObject>[] =>
  table.filter(({ name, patch }) => name === AGENT && patch?.writer === writer).map(({ kind }) => kind);

/** "" for the core group. */
export const groupOf = ({ apiVersion }: Kind<KubeObject>): string => (apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "");
