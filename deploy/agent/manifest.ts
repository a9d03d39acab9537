// What the owner of a cluster applies to make it a managed cluster: the agent, its accounts, and all the permissions that they ever have.
// Pure; `kubectl drover import` prints it.
import { encodeGroup } from "../../lib/access/group-name.ts";
import { groupSubject, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { type AccountName, GUARD_PROBE, IMPERSONATOR } from "../../lib/components/components.ts";
import { PART_OF } from "../../lib/components/rbac.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { HEALTH_PORT, labelsOf } from "../pod.ts";
import { AGENT_DEPLOYMENT, agentDeployment } from "./deployment.ts";
import { agentPermissions, ceilingBinding, impersonatorPermissions, probePermissions } from "./permissions.ts";

export interface AgentManifestInput {
  /** Name of the Cluster. */
  readonly cluster: string;
  /** Base URLs without a slash at the end. */
  readonly authURL: string;
  readonly proxyURLs: readonly string[];
  /** The authorities behind those URLs' certificates. */
  readonly caPEM: string;
  readonly registrationToken: string;
  /** The permission ceiling: the ClusterRole that limits what Drover can grant in the managed cluster. */
  readonly ceiling: string;
  /** provider:group. With a ceiling below cluster-admin, members of these groups alone can reach the cluster. */
  readonly groups: readonly string[];
  readonly image: string;
  /** For the hub's own agent: the URL of the hub's API server as a pod reaches it. */
  readonly hubURL?: string;
}

export const AGENT_LABELS = labelsOf(AGENT_DEPLOYMENT);

const UNBOUNDED = "cluster-admin";
const IN_CLUSTER_CA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/** In the order in which they must be applied. */
export function agentManifest(input: AgentManifestInput): readonly KubeObject[] {
  return [
    systemNamespace(),
    serviceAccount("agent"),
    serviceAccount(IMPERSONATOR),
    ...agentPermissions(),
    ceilingBinding(input.ceiling),
    ...guardProbe(),
    // With cluster-admin the agent writes this role itself, for the groups of its sets; with a lower ceiling RBAC does not allow that.
    ...(input.ceiling === UNBOUNDED ? [] : impersonatorPermissions(input.groups.map(groupOf))),
    configMap(input),
    registrationSecret(input.registrationToken),
    agentDeployment(input.image),
  ];
}

/** Account and permissions of the probe that tests whether the guards refuse. The hub needs them before it has an agent. */
export const guardProbe = (): readonly KubeObject[] => [serviceAccount(GUARD_PROBE), ...probePermissions()];

/** The same on the hub and in managed clusters. Drover's own pods meet the strictest Pod Security level. */
export const systemNamespace = (): KubeObject => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name: SYSTEM_NAMESPACE,
    labels: {
      ...PART_OF,
      "pod-security.kubernetes.io/enforce": "restricted",
      "pod-security.kubernetes.io/enforce-version": "latest",
      "pod-security.kubernetes.io/warn": "restricted",
      "pod-security.kubernetes.io/warn-version": "latest",
    },
  },
});

/** Throws for a name that no group may have: the Cluster's schema admits some that only the provider can check. */
function groupOf(group: string): string {
  const [provider = "", ...rest] = group.split(":");
  const encoded = encodeGroup(rest.join(":"));
  if (encoded === undefined) throw new Error(`no group can be called ${JSON.stringify(group)}`);
  return groupSubject(provider, encoded);
}

const serviceAccount = (name: AccountName): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: AGENT_LABELS },
    // Only the agent's own pod mounts a token; the agent requests those of the other accounts.
    automountServiceAccountToken: false,
  }) as KubeObject;

function configMap({ cluster, authURL, proxyURLs, caPEM, hubURL }: AgentManifestInput): KubeObject {
  const config = {
    cluster,
    namespace: SYSTEM_NAMESPACE,
    authURL,
    proxyURLs,
    caFile: "/etc/drover/ca.crt",
    ...(hubURL !== undefined && { hubURL, hubCAFile: IN_CLUSTER_CA }),
    registrationTokenFile: "/etc/drover-registration/token",
    health: { host: "0.0.0.0", port: HEALTH_PORT },
  };
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "agent-config", namespace: SYSTEM_NAMESPACE, labels: AGENT_LABELS },
    data: { "agent.json": `${JSON.stringify(config, null, 2)}\n`, "ca.crt": caPEM },
  } as KubeObject;
}

const registrationSecret = (token: string): KubeObject =>
  ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "agent-registration", namespace: SYSTEM_NAMESPACE, labels: AGENT_LABELS },
    type: "Opaque",
    // Not stringData: the API server moves it to `data`, and each later apply would report a change.
    data: { token: Buffer.from(token, "utf8").toString("base64") },
  }) as KubeObject;
