// kwok beside a managed cluster's control plane: nodes and pods whose logs and exec pass through the real API server.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "./check.ts";
import { type ControlPlaneParts, clientCertificate, KUBELET_CLIENT } from "./components.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import type { Kubectl } from "./kubectl.ts";
import type { Authority } from "./pki.ts";
import type { ProcessSpec } from "./process.ts";

export interface KwokOptions {
  directory: string;
  /** Where the executable `kwok` and `stages.yaml` are. */
  binaries: string;
  serving: Authority;
  plane: ControlPlaneParts;
  port: number;
}

export interface KwokParts {
  kwok: ProcessSpec;
  /** Writes the line per second that every container seems to print. */
  logs: ProcessSpec;
  check: Check;
}

const API_VERSION = "kwok.x-k8s.io/v1alpha1";

const configuration = (o: KwokOptions, files: { cert: string; key: string; logs: string; exec: string }): object[] => [
  {
    apiVersion: "config.kwok.x-k8s.io/v1alpha1",
    kind: "KwokConfiguration",
    options: {
      enableCRDs: [],
      manageNodesWithAnnotationSelector: "kwok.x-k8s.io/node=fake",
      serverAddress: `127.0.0.1:${o.port}`,
      nodeIP: "127.0.0.1",
      nodePort: o.port,
      tlsCertFile: files.cert,
      tlsPrivateKeyFile: files.key,
      enableDebuggingHandlers: true,
      nodeLeaseDurationSeconds: 40,
      nodeLeaseParallelism: 4,
      podPlayStageParallelism: 4,
      nodePlayStageParallelism: 4,
    },
  },
  { apiVersion: API_VERSION, kind: "ClusterExec", metadata: { name: "all" }, spec: { execs: [{ local: { workDir: files.exec } }] } },
  { apiVersion: API_VERSION, kind: "ClusterLogs", metadata: { name: "all" }, spec: { logs: [{ logsFile: files.logs }] } },
  { apiVersion: API_VERSION, kind: "ClusterAttach", metadata: { name: "all" }, spec: { attaches: [{ logsFile: files.logs }] } },
];

/** A line in the format of container runtimes each second. */
const LOG_LOOP = `n=0
while :; do
  n=$((n + 1))
  printf '%s stdout F request %d answered\\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%NZ)" "$n" >> "$1"
  sleep 1
done`;

/** Writes kwok's files and returns how to run it. */
export const prepareKwok = async (o: KwokOptions): Promise<KwokParts> => {
  const file = (name: string): string => join(o.directory, name);
  const exec = file("scratch");
  await mkdir(exec, { recursive: true, mode: 0o700 });
  const serving = o.serving.certificate({ commonName: "kwok" }, ["server"], ["127.0.0.1"]);
  const files = { cert: file("kwok.crt"), key: file("kwok.key"), logs: file("container.log"), exec };
  await writeFile(files.cert, serving.cert, { mode: 0o600 });
  await writeFile(files.key, serving.key, { mode: 0o600 });
  await writeFile(files.logs, "", { mode: 0o600, flag: "a" });
  await writeFile(file("client-ca.crt"), o.plane.clients.cert, { mode: 0o600 });
  const documents = configuration(o, files).map((document) => JSON.stringify(document));
  const stages = await readFile(join(o.binaries, "stages.yaml"), "utf8");
  await writeFile(file("kwok.yaml"), [...documents, stages].join("\n---\n"), { mode: 0o600 });
  const kubeconfig = file("kwok.kubeconfig");
  await writeKubeconfig(kubeconfig, {
    server: o.plane.server,
    ca: o.serving.cert,
    user: "kwok",
    pair: clientCertificate(o.plane, "system:kwok"),
  });
  const env = { PATH: "/usr/bin:/bin", HOME: o.directory };
  return {
    kwok: {
      command: join(o.binaries, "kwok"),
      args: [`--kubeconfig=${kubeconfig}`, `--config=${file("kwok.yaml")}`],
      // Without these two, every client that can reach the port could run commands.
      env: { ...env, KWOK_CLIENT_CA_FILE: file("client-ca.crt"), KWOK_CLIENT_NAME: KUBELET_CLIENT },
      cwd: o.directory,
      log: file("kwok.log"),
    },
    logs: { command: "/bin/sh", args: ["-c", LOG_LOOP, "container-log", files.logs], env, cwd: o.directory, log: file("logs.log") },
    check: { url: `https://127.0.0.1:${o.port}/healthz`, ca: o.serving.cert, ...clientCertificate(o.plane, KUBELET_CLIENT) },
  };
};

const KWOK_RULES = [
  { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["get", "list", "watch", "update", "patch", "delete"] },
  { apiGroups: [""], resources: ["nodes/status", "pods/status"], verbs: ["update", "patch"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "list", "watch", "create", "update", "patch", "delete"] },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
];

/** What a managed cluster starts with: RBAC for kwok, and nodes. */
const nodeObjects = (cluster: string, nodes: number): object[] => [
  { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "system:kwok" }, rules: KWOK_RULES },
  {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "system:kwok" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:kwok" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:kwok" }],
  },
  ...Array.from({ length: nodes }, (_, index) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: `${cluster}-${index + 1}`, annotations: { "kwok.x-k8s.io/node": "fake" } },
    status: { allocatable: { cpu: "8", memory: "32Gi", pods: "250" }, capacity: { cpu: "8", memory: "32Gi", pods: "250" } },
  })),
];

/** A Deployment whose pods run on those nodes. */
const shopObjects = (): object[] => [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: SHOP } },
  {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: SHOP },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: "web" } },
      template: {
        metadata: { labels: { app: "web" } },
        spec: { containers: [{ name: "web", image: "registry.example/web:1" }], terminationGracePeriodSeconds: 0 },
      },
    },
  },
];

/** Creates nodes, then pods. In between kwok must own the nodes: it ignores pods that are bound to a node before that. */
export const populate = async (kubectl: Kubectl, o: { cluster: string; nodes: number; startKwok: () => Promise<void> }): Promise<void> => {
  await kubectl.apply(nodeObjects(o.cluster, o.nodes));
  await o.startKwok();
  await kubectl.run(["wait", "--for=condition=Ready", "nodes", "--all", "--timeout=90s"]);
  await kubectl.apply(shopObjects());
  await kubectl.run(["rollout", "status", "deployment/web", "-n", SHOP, "--timeout=90s"]);
};

/** The namespace that every managed cluster of a development environment has. */
export const SHOP = "shop";
