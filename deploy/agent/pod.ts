// The agent's Deployment: one pod that keeps to the Pod Security level `restricted`.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { KubeObject } from "../../lib/kube/object.ts";

const labels = { "app.kubernetes.io/name": "drover-agent", "app.kubernetes.io/part-of": "drover" };
const HEALTH_PORT = 8081;

export const agentPod = (image: string): KubeObject =>
  ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "drover-agent", namespace: SYSTEM_NAMESPACE, labels },
    spec: {
      replicas: 1,
      // Two agents at once would mend each other's work.
      strategy: { type: "Recreate" },
      selector: { matchLabels: { "app.kubernetes.io/name": "drover-agent" } },
      template: { metadata: { labels }, spec: podSpec(image) },
    },
  }) as KubeObject;

/** A Secret of the managed cluster's owner, because the URL may hold a password. What is in the cluster is never behind the proxy. */
const PROXY_SECRET = "agent-outbound-proxy";
const fromProxySecret = (key: string) => ({ valueFrom: { secretKeyRef: { name: PROXY_SECRET, key, optional: true } } });
const OUTBOUND_PROXY = [
  { name: "HTTPS_PROXY", ...fromProxySecret("HTTPS_PROXY") },
  { name: "MORE_NO_PROXY", ...fromProxySecret("NO_PROXY") },
  // Without that key the reference stays as it is written, which is no host's name.
  { name: "NO_PROXY", value: "$(KUBERNETES_SERVICE_HOST),.svc,.cluster.local,$(MORE_NO_PROXY)" },
];

const podSpec = (image: string) => ({
  serviceAccountName: "agent",
  automountServiceAccountToken: true,
  securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532, seccompProfile: { type: "RuntimeDefault" } },
  containers: [
    {
      name: "agent",
      image,
      // V8 would let a busy process keep some hundred MiB of garbage before it looks; this costs no CPU that can be measured.
      command: ["node", "--max-semi-space-size=16", "/drover/agent.mjs", "--config", "/etc/drover/agent.json"],
      env: OUTBOUND_PROXY,
      ports: [{ name: "health", containerPort: HEALTH_PORT }],
      livenessProbe: { httpGet: { path: "/healthz", port: "health" }, periodSeconds: 10, failureThreshold: 6 },
      readinessProbe: { httpGet: { path: "/readyz", port: "health" }, periodSeconds: 5 },
      resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "512Mi" } },
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
      volumeMounts: [
        { name: "config", mountPath: "/etc/drover", readOnly: true },
        { name: "registration", mountPath: "/etc/drover-registration", readOnly: true },
      ],
    },
  ],
  volumes: [
    { name: "config", configMap: { name: "agent-config" } },
    // Worth nothing once it was used, and may be deleted then.
    { name: "registration", secret: { secretName: "agent-registration", optional: true, defaultMode: 0o440 } },
  ],
});
