// The agent's Deployment.
import type { KubeObject } from "../../lib/kube/object.ts";
import { CONFIG_FOLDER, deployment } from "../pod.ts";

export const AGENT_DEPLOYMENT = "drover-agent";

export const agentDeployment = (image: string): KubeObject =>
  deployment({
    component: "agent",
    name: AGENT_DEPLOYMENT,
    image,
    configFile: "agent.json",
    files: [
      { name: "config", mountPath: CONFIG_FOLDER, source: { configMap: { name: "agent-config" } } },
      // It is valid once; after that the Secret may be deleted.
      {
        name: "registration",
        mountPath: "/etc/drover-registration",
        source: { secret: { secretName: "agent-registration", optional: true, defaultMode: 0o440 } },
      },
    ],
    resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "512Mi" } },
    env: OUTBOUND_PROXY,
    // Two agents at once would correct each other's writes.
    spec: { replicas: 1, strategy: { type: "Recreate" } },
    podSpec: { automountServiceAccountToken: true },
  });

/** The owner of the managed cluster creates this Secret; the URL may hold a password. Addresses in the cluster are always reached directly. */
const PROXY_SECRET = "agent-outbound-proxy";
const fromProxySecret = (key: string) => ({ valueFrom: { secretKeyRef: { name: PROXY_SECRET, key, optional: true } } });
const OUTBOUND_PROXY = [
  { name: "HTTPS_PROXY", ...fromProxySecret("HTTPS_PROXY") },
  { name: "MORE_NO_PROXY", ...fromProxySecret("NO_PROXY") },
  // Kubernetes leaves the reference as it is when the Secret has no such key; it then matches no host.
  { name: "NO_PROXY", value: "$(KUBERNETES_SERVICE_HOST),.svc,.cluster.local,$(MORE_NO_PROXY)" },
];
