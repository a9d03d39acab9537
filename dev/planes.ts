// The clusters of a development environment without anything of Drover: control planes, and in managed clusters kwok with its pods.
import { join } from "node:path";
import { mustRun } from "../controlplane/command.ts";
import { type Component, prepareControlPlane } from "../controlplane/components.ts";
import { Kubectl } from "../controlplane/kubectl.ts";
import { populate, prepareKwok } from "../controlplane/nodes.ts";
import { Authority } from "../controlplane/pki.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { sendJSON } from "../lib/outbound/client.ts";
import { AUTHORITY, type Environment, HUB } from "./environment.ts";

export interface Binaries {
  kubernetes: string;
  kwok: string;
}

/** The input of each step of `up`. */
export interface Run {
  environment: Environment;
  binaries: Binaries;
  signal: AbortSignal;
  /** Of the process cleanup, for each process that is started. */
  mark: string;
}

/** The hub runs no pods, so it has no scheduler. */
const componentsOf = (name: string): Component[] =>
  name === HUB ? ["etcd", "apiserver", "controller-manager"] : ["etcd", "apiserver", "controller-manager", "scheduler"];

const GRACE_MS: Record<Component, number> = {
  etcd: 5000,
  // It has no state of its own, and on SIGTERM it would wait up to a minute for watches to end.
  apiserver: 0,
  "controller-manager": 2000,
  scheduler: 2000,
};

/** The ports of one cluster, by the names under which the environment keeps them. */
export const portNames = (name: string): string[] => [
  ...["etcd", "etcd-peer", "apiserver", "controller-manager", "scheduler"].map((purpose) => `${purpose}:${name}`),
  ...(name === HUB ? [] : [`kwok:${name}`]),
];

const preparePlane = async ({ environment, binaries }: Run, name: string): Promise<void> => {
  const { contents } = environment;
  const port = (purpose: string): number => environment.port(`${purpose}:${name}`);
  const serving = Authority.load(AUTHORITY, contents.ca);
  const directory = name === HUB ? environment.path(HUB) : environment.path("clusters", name);
  const plane = await prepareControlPlane({
    directory,
    binaries: binaries.kubernetes,
    serving,
    ports: {
      etcd: port("etcd"),
      etcdPeer: port("etcd-peer"),
      apiserver: port("apiserver"),
      controllerManager: port("controller-manager"),
      scheduler: port("scheduler"),
    },
  });
  for (const component of componentsOf(name)) {
    const unit = { spec: plane.specs[component], check: plane.checks[component], graceMs: GRACE_MS[component] };
    environment.define(`${component}:${name}`, unit);
  }
  if (name !== HUB) {
    const kwok = await prepareKwok({ directory: join(directory, "kwok"), binaries: binaries.kwok, serving, plane, port: port("kwok") });
    environment.define(`kwok:${name}`, { spec: kwok.kwok, check: kwok.check, graceMs: 0 });
    environment.define(`container-log:${name}`, { spec: kwok.logs, graceMs: 0 });
  }
  contents.planes[name] = plane;
  await environment.save();
};

/** Starts the components of one cluster's control plane that do not run; prepares the control plane first if it is new. */
export const startPlane = async (run: Run, name: string): Promise<void> => {
  const { environment } = run;
  const isNew = !(name in environment.contents.planes);
  if (isNew) await preparePlane(run, name);
  await environment.start(`etcd:${name}`, run);
  await environment.start(`apiserver:${name}`, run);
  const controllers = componentsOf(name).filter((component) => component !== "etcd" && component !== "apiserver");
  await Promise.all(controllers.map((component) => environment.start(`${component}:${name}`, run)));
};

export const adminKubectl = (environment: Environment, name: string, signal?: AbortSignal): Kubectl =>
  new Kubectl(environment.contents.kubectl, environment.plane(name).adminKubeconfig, environment.path("home"), signal);

/** A GET of the hub's API server as its administrator; undefined when the answer is not 200. */
export const readHub = async <T>(environment: Environment, path: string): Promise<T | undefined> => {
  const { server, admin } = environment.plane(HUB);
  const { status, body } = await sendJSON(`${server}${path}`, { ca: environment.contents.ca.cert, ...admin }, {});
  return status === 200 ? (body as T) : undefined;
};

/** `drover …` with the administrator's kubeconfig of the hub; its standard output. */
export const adminDrover = (environment: Environment, args: readonly string[], signal: AbortSignal): Promise<string> => {
  const env = {
    KUBECONFIG: environment.plane(HUB).adminKubeconfig,
    HOME: environment.path("home"),
    PATH: process.env.PATH ?? "/usr/bin:/bin",
  };
  return mustRun(join(repositoryRoot(), "bin/drover"), args, { env, signal });
};

/** Control plane, kwok, nodes and pods of a managed cluster; resolves when the pods run. */
export const startManagedCluster = async (run: Run, name: string): Promise<void> => {
  const { environment, signal } = run;
  const isNew = !(name in environment.contents.planes);
  await startPlane(run, name);
  const kubectl = adminKubectl(environment, name, signal);
  const startKwok = async (): Promise<void> => {
    await Promise.all([environment.start(`kwok:${name}`, run), environment.start(`container-log:${name}`, run)]);
  };
  // Nodes and pods are created once: later changes in the cluster are left alone.
  if (isNew) await populate(kubectl, { cluster: name, nodes: environment.contents.nodes, startKwok });
  else await startKwok();
};
