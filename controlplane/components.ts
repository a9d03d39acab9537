// One embedded control plane: the files it needs and how each of its processes is run. Nothing here starts anything.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Check } from "./check.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { Authority, type KeyPair, serviceAccountKey } from "./pki.ts";
import type { ProcessSpec } from "./process.ts";

export type Component = "etcd" | "apiserver" | "controller-manager" | "scheduler";

export interface ControlPlaneOptions {
  /** Where everything of this control plane is kept. */
  directory: string;
  /** Where kube-apiserver, etcd and the others are. */
  binaries: string;
  /** Signs what the servers present; the authority for clients is the control plane's own. */
  serving: Authority;
  ports: { etcd: number; etcdPeer: number; apiserver: number; controllerManager: number; scheduler: number };
  etcdArgs?: readonly string[];
  /** All controllers act as system:kube-controller-manager, which is the default of Kubernetes, instead of each with a ServiceAccount of its own. */
  sharedControllerCredentials?: boolean;
  apiserverArgs?: readonly string[];
}

/** What a prepared control plane consists of: plain data, with private keys inside. */
export interface ControlPlaneParts {
  server: string;
  auditLog: string;
  adminKubeconfig: string;
  admin: KeyPair;
  /** Client certificate for etcd, with the address of its HTTP gateway. */
  etcd: { url: string; ca: string } & KeyPair;
  /** Signs client certificates that the API server accepts. */
  clients: KeyPair;
  specs: Record<Component, ProcessSpec>;
  /** What answers 200 when the component is ready. */
  checks: Record<Component, Check>;
}

/** One line for each request, except for health checks and API discovery. Bodies are not logged: they may hold secrets. */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  omitManagedFields: true,
  rules: [{ level: "None", nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/openapi/*"] }, { level: "Metadata" }],
};

const API_NAMES = ["127.0.0.1", "10.96.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/** The certificate that the API server shows to kubelets; kwok's port admits no other. */
export const KUBELET_CLIENT = "kube-apiserver-kubelet-client";

const CLIENTS = "drover dev clients";

interface Files {
  path(name: string): string;
  write(name: string, content: string): Promise<string>;
  pair(name: string, pair: KeyPair): Promise<{ cert: string; key: string }>;
}

const filesIn = (directory: string): Files => {
  const path = (name: string): string => join(directory, name);
  const write = async (name: string, content: string): Promise<string> => {
    await writeFile(path(name), content, { mode: 0o600 });
    return path(name);
  };
  return {
    path,
    write,
    pair: async (name, pair) => ({ cert: await write(`${name}.crt`, pair.cert), key: await write(`${name}.key`, pair.key) }),
  };
};

const etcdArgs = async (o: ControlPlaneOptions, files: Files, authority: Authority): Promise<string[]> => {
  // The gateway of etcd dials etcd itself with the server's certificate.
  const server = await files.pair("etcd", authority.certificate({ commonName: "etcd" }, ["server", "client"], ["127.0.0.1", "localhost"]));
  const ca = await files.write("etcd-ca.crt", authority.cert);
  const [url, peer] = [`https://127.0.0.1:${o.ports.etcd}`, `https://127.0.0.1:${o.ports.etcdPeer}`];
  return [
    "--name=only",
    `--data-dir=${files.path("etcd")}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=only=${peer}`,
    ...["", "peer-"].flatMap((side) => [
      `--${side}cert-file=${server.cert}`,
      `--${side}key-file=${server.key}`,
      `--${side}client-cert-auth=true`,
      `--${side}trusted-ca-file=${ca}`,
    ]),
    // A development environment may lose its last second when the machine loses power.
    "--unsafe-no-fsync",
    "--log-level=warn",
    ...(o.etcdArgs ?? []),
  ];
};

const apiserverArgs = async (o: ControlPlaneOptions, files: Files, clients: Authority, etcd: KeyPair, key: string): Promise<string[]> => {
  const serving = await files.pair("apiserver", o.serving.certificate({ commonName: "kube-apiserver" }, ["server"], API_NAMES));
  const kubelet = await files.pair("kubelet-client", clients.certificate({ commonName: KUBELET_CLIENT }, ["client"]));
  const etcdClient = await files.pair("etcd-client", etcd);
  return [
    `--etcd-servers=https://127.0.0.1:${o.ports.etcd}`,
    `--etcd-cafile=${files.path("etcd-ca.crt")}`,
    `--etcd-certfile=${etcdClient.cert}`,
    `--etcd-keyfile=${etcdClient.key}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${o.ports.apiserver}`,
    `--tls-cert-file=${serving.cert}`,
    `--tls-private-key-file=${serving.key}`,
    `--client-ca-file=${await files.write("client-ca.crt", clients.cert)}`,
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${key}`,
    `--service-account-signing-key-file=${key}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    `--kubelet-client-certificate=${kubelet.cert}`,
    `--kubelet-client-key=${kubelet.key}`,
    `--kubelet-certificate-authority=${files.path("serving-ca.crt")}`,
    "--kubelet-preferred-address-types=InternalIP",
    `--audit-log-path=${files.path("audit.log")}`,
    `--audit-policy-file=${await files.write("audit-policy.json", JSON.stringify(AUDIT_POLICY))}`,
    // A loopback address cannot be an endpoint of the Service "kubernetes", and nothing here uses that Service.
    "--endpoint-reconciler-type=none",
    "--profiling=false",
    ...(o.apiserverArgs ?? []),
  ];
};

const componentKubeconfig = async (o: ControlPlaneOptions, files: Files, clients: Authority, user: string): Promise<string> => {
  const pair = clients.certificate({ commonName: `system:${user}` }, ["client"]);
  const path = files.path(`${user}.kubeconfig`);
  await writeKubeconfig(path, { server: `https://127.0.0.1:${o.ports.apiserver}`, ca: o.serving.cert, user, pair });
  return path;
};

const controllerArgs = (kubeconfig: string, port: number, serving: { cert: string; key: string }): string[] => [
  `--kubeconfig=${kubeconfig}`,
  `--authentication-kubeconfig=${kubeconfig}`,
  `--authorization-kubeconfig=${kubeconfig}`,
  // There are no aggregated servers, so there is no authority for their proxy to look up.
  "--authentication-skip-lookup=true",
  "--bind-address=127.0.0.1",
  `--secure-port=${port}`,
  `--tls-cert-file=${serving.cert}`,
  `--tls-private-key-file=${serving.key}`,
  // One replica: an election would only delay the start after a kill.
  "--leader-elect=false",
  "--profiling=false",
];

/** Makes keys, certificates and configuration anew and returns how to run the components. Keys of an earlier run in the same directory are replaced. */
export const prepareControlPlane = async (o: ControlPlaneOptions): Promise<ControlPlaneParts> => {
  await mkdir(o.directory, { recursive: true, mode: 0o700 });
  const files = filesIn(o.directory);
  const clients = Authority.create(CLIENTS);
  const etcdAuthority = Authority.create("drover dev etcd");
  const etcdClient = etcdAuthority.certificate({ commonName: "kube-apiserver" }, ["client"]);
  await files.write("serving-ca.crt", o.serving.cert);
  await files.pair("client-ca", clients);
  const key = await files.write("service-account.key", serviceAccountKey());
  const serving = await files.pair(
    "controllers",
    o.serving.certificate({ commonName: "localhost" }, ["server"], ["127.0.0.1", "localhost"]),
  );

  const server = `https://127.0.0.1:${o.ports.apiserver}`;
  const admin = clients.certificate({ commonName: "admin", organizations: ["system:masters"] }, ["client"]);
  const adminKubeconfig = files.path("admin.kubeconfig");
  await writeKubeconfig(adminKubeconfig, { server, ca: o.serving.cert, user: "admin", pair: admin });

  const spec = (command: string, component: Component, args: readonly string[]): ProcessSpec => ({
    command: join(o.binaries, command),
    args,
    env: { PATH: "/usr/bin:/bin", HOME: o.directory },
    cwd: o.directory,
    log: files.path(`${component}.log`),
  });
  const controllerManager = [
    ...controllerArgs(await componentKubeconfig(o, files, clients, "kube-controller-manager"), o.ports.controllerManager, serving),
    `--use-service-account-credentials=${o.sharedControllerCredentials !== true}`,
    `--service-account-private-key-file=${key}`,
    `--root-ca-file=${files.path("serving-ca.crt")}`,
    `--cluster-signing-cert-file=${files.path("client-ca.crt")}`,
    `--cluster-signing-key-file=${files.path("client-ca.key")}`,
  ];
  const scheduler = controllerArgs(await componentKubeconfig(o, files, clients, "kube-scheduler"), o.ports.scheduler, serving);
  const etcd = await etcdArgs(o, files, etcdAuthority);
  const specs = {
    etcd: spec("etcd", "etcd", etcd),
    apiserver: spec("kube-apiserver", "apiserver", await apiserverArgs(o, files, clients, etcdClient, key)),
    "controller-manager": spec("kube-controller-manager", "controller-manager", controllerManager),
    scheduler: spec("kube-scheduler", "scheduler", scheduler),
  };

  const etcdUrl = `https://127.0.0.1:${o.ports.etcd}`;
  return {
    server,
    auditLog: files.path("audit.log"),
    adminKubeconfig,
    admin,
    etcd: { url: etcdUrl, ca: etcdAuthority.cert, ...etcdClient },
    clients: { cert: clients.cert, key: clients.key },
    specs,
    checks: {
      etcd: { url: `${etcdUrl}/health`, ca: etcdAuthority.cert, ...etcdClient },
      apiserver: { url: `${server}/readyz`, ca: o.serving.cert, ...admin },
      "controller-manager": { url: `https://127.0.0.1:${o.ports.controllerManager}/healthz`, ca: o.serving.cert },
      scheduler: { url: `https://127.0.0.1:${o.ports.scheduler}/healthz`, ca: o.serving.cert },
    },
  };
};

/** A client certificate for any user and groups, accepted by the control plane's API server. */
export const clientCertificate = (parts: ControlPlaneParts, commonName: string, organizations: readonly string[] = []): KeyPair =>
  Authority.load(CLIENTS, parts.clients).certificate({ commonName, organizations }, ["client"]);
