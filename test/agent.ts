// A registered agent as the hub knows it: what the clusters operator and auth make for it, without either process.
import { randomBytes } from "node:crypto";
import { ClusterRegistration } from "../crds/v1alpha1/clusterregistration.ts";
import { AGENT, clusterNamespace, HUB_ROLE, LABEL, VERSION } from "../lib/access/names.ts";
import { fingerprint, keyAudience } from "../lib/identity/agent-key.ts";
import type { KubeObject } from "../lib/kube/object.ts";
import type { TestHub } from "./hub.ts";

const RBAC = "rbac.authorization.k8s.io";

/** The namespace of a cluster on the hub, and in it what its agent writes. */
export const namespaceOfCluster = (cluster: string): readonly KubeObject[] => {
  const namespace = clusterNamespace(cluster);
  const own = { name: AGENT, namespace };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels: { [LABEL.backsCluster]: cluster } } },
    { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: own, spec: {} } as KubeObject,
    { apiVersion: VERSION, kind: "ClusterReport", metadata: own, spec: {} } as KubeObject,
  ];
};

/** Makes the Cluster, its namespace, and in it all that an agent has; then puts a key on record. */
export async function registerAgent(hub: TestHub, cluster: string): Promise<void> {
  const namespace = clusterNamespace(cluster);
  const own = { name: AGENT, namespace };
  await hub.apply(
    ...namespaceOfCluster(cluster),
    { apiVersion: VERSION, kind: "Cluster", metadata: { name: cluster }, spec: { import: {} } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: own },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { name: "drover:agent", namespace },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: HUB_ROLE.clusterAgent },
      subjects: [{ kind: "ServiceAccount", ...own }],
    },
  );
  await putKeyOnRecord(hub, cluster);
}

/** Puts a new key on record, in place of one that may be there. */
export async function putKeyOnRecord(hub: TestHub, cluster: string): Promise<void> {
  const metadata = { name: AGENT, namespace: clusterNamespace(cluster) };
  const spec = { tokenHash: "0".repeat(64), expiresAt: "2030-01-01T00:00:00Z" };
  await hub.apply({ apiVersion: VERSION, kind: ClusterRegistration.kind, metadata, spec });
  const key = randomBytes(32);
  const status = { publicKey: key.toString("base64"), fingerprint: fingerprint(key), registeredAt: new Date().toISOString() };
  await hub.admin.patch(ClusterRegistration, metadata, { status }, { type: "merge", subresource: "status" });
}

export async function withdrawKey(hub: TestHub, cluster: string): Promise<void> {
  await hub.admin.delete(ClusterRegistration, { name: AGENT, namespace: clusterNamespace(cluster) });
}

/** A hub token as auth gives it to the agent whose key is on record. */
export async function agentTokenOf(hub: TestHub, cluster: string): Promise<string> {
  const account = { name: AGENT, namespace: clusterNamespace(cluster) };
  const { status } = await hub.admin.get(ClusterRegistration, account);
  const { audiences } = await hub.admin.requestToken(account);
  const bound = { audiences: [...audiences, keyAudience(status?.fingerprint ?? "")], expirationSeconds: 3600 };
  return (await hub.admin.requestToken(account, bound)).token;
}
