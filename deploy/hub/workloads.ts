// Manifests of a component on the hub: Deployment, PodDisruptionBudget, Services and default configuration. They follow from the component's
// type; OWN lists what a single component needs in addition. Pure.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { COMPONENTS, type HubComponentName } from "../../lib/components/components.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { CONFIG_FOLDER, deployment, type Files, HEALTH_PORT, labelsOf, selectorOf } from "../pod.ts";

/** The image's name in the bases. The kustomization of the workloads replaces it by the real one. */
export const IMAGE = "drover";

const HTTPS_PORT = 8443;
const TLS_FOLDER = "/etc/drover-tls";
const CA_FOLDER = "/etc/drover-ca";
const AUTH_URL = "https://auth.drover.example";
const PROXY_URL = "https://api.drover.example";

interface Own {
  readonly settings?: object;
  readonly files?: readonly Files[];
  readonly services?: readonly KubeObject[];
}

const OWN: Readonly<Partial<Record<HubComponentName, Own>>> = {
  auth: { settings: { proxyURL: PROXY_URL } },
  "operator-clusters": {
    // The image comes first: a replacement of the kustomization finds it by its place.
    settings: { agentImage: IMAGE, authURL: AUTH_URL, proxyURLs: [PROXY_URL], caFile: `${CA_FOLDER}/ca.crt` },
    files: [{ name: "ca", mountPath: CA_FOLDER, source: { configMap: { name: "drover-ca" } } }],
  },
  proxy: {
    // For agents: leads to replicas that are not ready yet too, so that these have their tunnels before requests of users arrive.
    services: [httpsService("proxy", "proxy-agents", { publishNotReadyAddresses: true })],
  },
};

export const configMapOf = (component: HubComponentName): string => `${component}-config`;

/** The default configuration. An installation replaces those that hold URLs by its own. */
export function settingsOf(component: HubComponentName): object {
  const server = {
    listen: { host: "0.0.0.0", port: HTTPS_PORT },
    tls: { certFile: `${TLS_FOLDER}/tls.crt`, keyFile: `${TLS_FOLDER}/tls.key` },
  };
  return { ...OWN[component]?.settings, ...(isServer(component) && server), health: { host: "0.0.0.0", port: HEALTH_PORT } };
}

export function workloadOf(component: HubComponentName): readonly KubeObject[] {
  const own = OWN[component];
  const metadata = { name: component, namespace: SYSTEM_NAMESPACE, labels: labelsOf(component) };
  const tls = { name: "tls", mountPath: TLS_FOLDER, source: { secret: { secretName: `${component}-tls`, defaultMode: 0o440 } } };
  const files: readonly Files[] = [
    { name: "config", mountPath: CONFIG_FOLDER, source: { configMap: { name: configMapOf(component) } } },
    ...(isServer(component) ? [tls] : []),
    ...(own?.files ?? []),
  ];
  const budget = { maxUnavailable: 1, selector: { matchLabels: selectorOf(component) } };
  return [
    deployment({
      component,
      name: component,
      image: IMAGE,
      configFile: "config.json",
      files,
      ports: isServer(component) ? [{ name: "https", containerPort: HTTPS_PORT }] : [],
      resources: { requests: { cpu: isServer(component) ? "100m" : "50m", memory: "128Mi" }, limits: { memory: "1Gi" } },
      // Of an operator the second replica takes over when the first one goes.
      spec: { replicas: 2 },
    }),
    { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata, spec: budget } as KubeObject,
    ...(isServer(component) ? [httpsService(component, component)] : []),
    ...(own?.services ?? []),
  ];
}

const isServer = (component: HubComponentName): boolean => COMPONENTS[component].type === "server";

function httpsService(component: HubComponentName, name: string, spec: object = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: labelsOf(component) },
    spec: { ...spec, selector: selectorOf(component), ports: [{ name: "https", port: 443, targetPort: "https" }] },
  } as KubeObject;
}
