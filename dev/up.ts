// Brings a development environment up, or completes one: hub, managed clusters, Drover's processes, registration.
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { Listr, type ListrTask } from "listr2";
import { controlPlane } from "../controlplane/build.ts";
import { withLock } from "../controlplane/lock.ts";
import { Authority } from "../controlplane/pki.ts";
import { reservePorts } from "../controlplane/ports.ts";
import { type ProcessCleanup, startProcessCleanup } from "../controlplane/process-cleanup.ts";
import { AUTHORITY, type Contents, canonical, Environment, HUB } from "./environment.ts";
import { applyHub, firstAdministrator, healthPort, OPERATORS, startHubProcesses } from "./hub.ts";
import { registerCluster, waitForClusters } from "./managed-clusters.ts";
import { type Binaries, portNames, type Run, startManagedCluster, startPlane } from "./planes.ts";

export interface UpOptions {
  directory: string;
  clusters: readonly string[];
  nodes: number;
  proxies: number;
  signal: AbortSignal;
  /** Kills what this call starts when this process ends; without it, what was started goes on after a successful call. */
  cleanup?: ProcessCleanup;
}

/** Shared by the tasks. */
interface Context {
  run: Run;
}

const hubPorts = (proxies: number): string[] => [
  ...[...OPERATORS.keys()].map(healthPort),
  ...["auth:0", ...Array.from({ length: proxies }, (_, index) => `proxy:${index}`)].flatMap((name) => [name, healthPort(name)]),
];

/** Every port that an environment of this shape needs. */
const allPorts = (clusters: readonly string[], proxies: number): string[] => [
  ...hubPorts(proxies),
  ...[HUB, ...clusters].flatMap((name) => [...portNames(name), `agent-health:${name}`]),
];

const openEnvironment = (o: UpOptions): Environment => {
  const found = Environment.load(o.directory);
  if (found !== undefined) {
    const { contents } = found;
    contents.clusters = [...new Set([...contents.clusters, ...o.clusters])];
    contents.proxies = Math.max(contents.proxies, o.proxies);
    return found;
  }
  const { cert, key } = Authority.create(AUTHORITY);
  const contents: Contents = {
    clusters: [...o.clusters],
    nodes: o.nodes,
    proxies: o.proxies,
    kubectl: "",
    ca: { cert, key },
    ports: {},
    planes: {},
    units: {},
  };
  return new Environment(canonical(o.directory), contents);
};

/** Chooses the ports that are missing; the environment keeps them from then on. */
const choosePorts = async (environment: Environment): Promise<() => void> => {
  const { clusters, proxies, ports } = environment.contents;
  const missing = allPorts(clusters, proxies).filter((purpose) => !(purpose in ports));
  const reserved = await reservePorts(missing.length);
  missing.forEach((purpose, index) => {
    ports[purpose] = reserved.ports[index] ?? 0;
  });
  return () => reserved.release();
};

const prepareDirectory = async (environment: Environment): Promise<void> => {
  for (const name of ["home", "logs"]) await mkdir(environment.path(name), { recursive: true, mode: 0o700 });
  await writeFile(environment.path("ca.crt"), environment.contents.ca.cert);
  // Written once: the file always holds the password that was set.
  await writeFile(environment.path("admin-password"), randomBytes(18).toString("base64url"), { mode: 0o600, flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
};

/** The steps that have begun. After a failure the cleanup waits for them, because they may still start processes. */
class PendingSteps {
  readonly #promises = new Set<Promise<unknown>>();

  add<T>(promise: Promise<T>): Promise<T> {
    this.#promises.add(promise);
    return promise;
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#promises);
  }
}

interface Site {
  /** The managed clusters of this call; an environment may have more. */
  clusters: readonly string[];
  environment: Environment;
  signal: AbortSignal;
  cleanup: ProcessCleanup;
  pending: PendingSteps;
}

const tasks = ({ clusters, environment, signal, cleanup, pending }: Site): ListrTask<Context>[] => {
  const step =
    (work: (run: Run) => Promise<void>) =>
    ({ run }: Context): Promise<void> =>
      pending.add(work(run));
  return [
    {
      title: "Kubernetes and kwok, built once and kept in the cache",
      task: async (context, task) => {
        const progress = (line: string): void => {
          task.output = line;
        };
        const binaries: Binaries = { kubernetes: await controlPlane("kubernetes", progress), kwok: await controlPlane("kwok", progress) };
        environment.contents.kubectl = `${binaries.kubernetes}/kubectl`;
        context.run = { environment, binaries, signal, mark: cleanup.mark };
      },
    },
    {
      title: "Control planes",
      task: (_context, task) =>
        task.newListr(
          [
            { title: "hub: etcd, API server, controller manager", task: step((run) => startPlane(run, HUB)) },
            ...clusters.map((name) => ({
              title: `${name}: etcd, API server, controller manager, scheduler, kwok with nodes and pods`,
              task: step((run) => startManagedCluster(run, name)),
            })),
          ],
          { concurrent: true },
        ),
    },
    { title: "hub: Drover's kinds, RBAC and guards", task: step(applyHub) },
    { title: "hub: operators, auth, proxy", task: step(startHubProcesses) },
    { title: "hub: first administrator", task: step(firstAdministrator) },
    {
      title: "Registration",
      task: (_context, task) =>
        task.newListr(
          [HUB, ...clusters].map((name) => ({ title: `${name}: agent`, task: step((run) => registerCluster(run, name)) })),
          { concurrent: true },
        ),
    },
    { title: "Every cluster is Ready, its guards probed", task: step((run) => waitForClusters(run, clusters)) },
  ];
};

/**
 * Makes the environment of `o.directory` complete and returns it when every cluster is Ready.
 * On failure, and when the signal is aborted, stops what it started.
 */
export const bringUp = (o: UpOptions): Promise<Environment> =>
  withLock(`environment ${canonical(o.directory)}`, async () => {
    const environment = openEnvironment(o);
    const cleanup = o.cleanup ?? startProcessCleanup();
    await mkdir(environment.directory, { recursive: true, mode: 0o700 });
    const releasePorts = await choosePorts(environment);
    await prepareDirectory(environment);
    const failure = new AbortController();
    const pending = new PendingSteps();
    const signal = AbortSignal.any([o.signal, failure.signal]);
    try {
      const list = new Listr<Context>(tasks({ clusters: o.clusters, environment, signal, cleanup, pending }), {
        concurrent: false,
        registerSignalListeners: false,
        fallbackRenderer: "simple",
        rendererOptions: { collapseSubtasks: false },
      });
      await list.run();
    } catch (error) {
      failure.abort(error);
      await pending.settled();
      await environment.stopAll("started here");
      throw error;
    } finally {
      releasePorts();
      if (o.cleanup === undefined) cleanup.dismiss();
    }
    return environment;
  });
