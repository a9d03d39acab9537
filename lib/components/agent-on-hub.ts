// What the agent of a cluster may do on the hub: one row for each kind. From it follow the ClusterRoles of agents there, what the proxy
// passes on from them, the guard that keeps them to the status of what they report on, and the table in docs/architecture.md. Pure.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { AGENT, GROUP } from "../access/names.ts";
import { Lease } from "../kube/core.ts";
import type { Kind, KubeObject, PolicyRule } from "../kube/object.ts";
import type { HubComponentName } from "./components.ts";

export interface AgentPermission {
  /** Of a namespaced kind the objects in the namespace of the agent's own cluster, of another kind all objects, for every agent. */
  readonly kind: Kind<KubeObject>;
  /** The only object that it may name. Without it: any, and it may list and watch them where it may read. */
  readonly name?: string;
  readonly read?: true;
  readonly patch?: {
    /**
     * status: the subresource, so that it changes no metadata. spec: the object itself, for a kind without a status; lib/guards/hub.ts has
     * a guard that keeps the metadata.
     */
    readonly part: "status" | "spec";
    /** Of one request's body. */
    readonly maxBytes: number;
    /** Makes these objects, and writes the rest of them. */
    readonly writer: HubComponentName;
  };
}

/** Of one patch of a status. */
export const STATUS_BYTES = 64 * 1024;

export const AGENT_ON_HUB: readonly AgentPermission[] = [
  { kind: ClusterRoleTemplate, read: true },
  { kind: AccessSet, read: true, patch: { part: "status", maxBytes: STATUS_BYTES, writer: "operator-access" } },
  { kind: ClusterReport, name: AGENT, patch: { part: "status", maxBytes: STATUS_BYTES, writer: "operator-clusters" } },
  { kind: Lease, name: AGENT, patch: { part: "spec", maxBytes: 4 * 1024, writer: "operator-clusters" } },
];

/** Rules for the agent in its cluster's namespace (namespaced), or for all agents in the whole hub. */
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

/** "" for the core group. */
const groupOf = ({ apiVersion }: Kind<KubeObject>): string => (apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "");
