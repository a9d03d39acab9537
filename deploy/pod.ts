// The Deployment of a component, on the hub or in a managed cluster. Its pods meet the Pod Security level `restricted`. Pure.
import { SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { COMPONENTS, type ComponentName } from "../lib/components/components.ts";
import { PART_OF } from "../lib/components/rbac.ts";
import type { KubeObject } from "../lib/kube/object.ts";

export const HEALTH_PORT = 8081;
/** Where the ConfigMap with the component's configuration is mounted. */
export const CONFIG_FOLDER = "/etc/drover";

/** A volume that the container only reads. `source`: as in a pod's `volumes`. */
export interface Files {
  readonly name: string;
  readonly mountPath: string;
  readonly source: object;
}

export interface DeploymentInput {
  readonly component: ComponentName;
  /** Name of the Deployment, and value of its label app.kubernetes.io/name. */
  readonly name: string;
  readonly image: string;
  readonly configFile: string;
  readonly files: readonly Files[];
  readonly resources: object;
  /** In addition to the port for health. */
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly object[];
  /** Further fields of the Deployment's spec, and of its pods' spec. */
  readonly spec: object;
  readonly podSpec?: object;
}

/** On Deployments: operator, server or agent. A command can select all components of a type by it. */
const TYPE_LABEL = "app.kubernetes.io/component";

export const selectorOf = (name: string) => ({ "app.kubernetes.io/name": name });
export const labelsOf = (name: string) => ({ ...selectorOf(name), ...PART_OF });

export function deployment(input: DeploymentInput): KubeObject {
  const { component, name, files } = input;
  const spec = {
    serviceAccountName: component,
    ...input.podSpec,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 65532,
      runAsGroup: 65532,
      fsGroup: 65532,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container(input)],
    volumes: files.map(({ name, source }) => ({ name, ...source })),
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: SYSTEM_NAMESPACE, labels: { ...labelsOf(name), [TYPE_LABEL]: COMPONENTS[component].type } },
    spec: { ...input.spec, selector: { matchLabels: selectorOf(name) }, template: { metadata: { labels: labelsOf(name) }, spec } },
  } as KubeObject;
}

const container = ({ component, image, configFile, files, resources, ports = [], env }: DeploymentInput) => ({
  name: component,
  image,
  // V8 would let a busy process keep some hundred MiB of garbage before it collects; this costs no CPU that can be measured.
  command: ["node", "--max-semi-space-size=16", `/drover/${component}.mjs`, "--config", `${CONFIG_FOLDER}/${configFile}`],
  ...(env && { env }),
  ports: [...ports, { name: "health", containerPort: HEALTH_PORT }],
  livenessProbe: { httpGet: { path: "/healthz", port: "health" }, periodSeconds: 10, failureThreshold: 6 },
  readinessProbe: { httpGet: { path: "/readyz", port: "health" }, periodSeconds: 5 },
  resources,
  securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } },
  volumeMounts: files.map(({ name, mountPath }) => ({ name, mountPath, readOnly: true })),
});
