// `drover dev …`: development environments on this machine.

import { Command, InvalidArgumentError } from "commander";
import { isShortName, SHORT_NAME_RULE } from "../crds/v1alpha1/names.ts";
import { demo } from "./demo.ts";
import { Environment, HUB, type State } from "./environment.ts";
import { withLock } from "./lock.ts";
import { bringUp } from "./up.ts";

const number =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(`it must be a whole number of at least ${least}`);
    return value;
  };

const names = (text: string): string[] => {
  const list = text.split(",").filter((name) => name !== "");
  for (const name of list) {
    if (!isShortName(name)) throw new InvalidArgumentError(`"${name}" is no cluster name: ${SHORT_NAME_RULE}`);
    if (name === HUB) throw new InvalidArgumentError(`"${HUB}" is always there; name the managed clusters only`);
  }
  return list;
};

const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** A signal that SIGINT and SIGTERM abort, until `dispose`. */
const interruption = (): { signal: AbortSignal; dispose(): void } => {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Error("interrupted"));
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    },
  };
};

const up = async (o: { dir: string; clusters: string[]; nodes: number; proxies: number }): Promise<void> => {
  const { signal, dispose } = interruption();
  try {
    const environment = await bringUp({ directory: o.dir, clusters: o.clusters, nodes: o.nodes, proxies: o.proxies, signal });
    print(`\nReady: ${environment.path("state.json")}`);
    print(`  hub:   KUBECONFIG=${environment.state().hub.adminKubeconfig}`);
    for (const [name, { adminKubeconfig }] of Object.entries(environment.state().clusters))
      print(`  ${name}: KUBECONFIG=${adminKubeconfig}`);
    print(`  stop it with: drover dev down --dir ${o.dir}`);
  } finally {
    dispose();
  }
};

const runDemo = async (): Promise<void> => {
  const { signal, dispose } = interruption();
  try {
    await demo({ once: process.env.DEMO_ONCE === "1", signal, print });
  } finally {
    dispose();
  }
};

const describe = (environment: Environment): { state: State; stopped: string[] } => ({
  state: environment.state(),
  stopped: Object.keys(environment.contents.units)
    .filter((name) => !environment.isRunning(name))
    .sort(),
});

const status = async (o: { dir: string; output?: string }): Promise<void> => {
  const { state, stopped } = describe(Environment.require(o.dir));
  if (o.output === "json") print(JSON.stringify({ ...state, stopped }, null, 2));
  else {
    const rows = [
      ...Object.entries(state.processes).map(([name, { pid, log }]) => [name, String(pid), log]),
      ...stopped.map((name) => [name, "stopped", ""]),
    ];
    for (const [name = "", pid = "", log = ""] of rows.sort()) print(`${name.padEnd(28)} ${pid.padEnd(9)} ${log}`.trimEnd());
  }
  if (stopped.length > 0) process.exitCode = 1;
};

/** Runs `work` on the environment of a directory while nobody else changes it. */
const locked = async (directory: string, work: (environment: Environment) => Promise<void>): Promise<void> => {
  const { directory: canonical } = Environment.require(directory);
  // Read again under the lock: somebody may just have changed it.
  await withLock(`environment ${canonical}`, () => work(Environment.require(canonical)));
};

const down = (o: { dir: string }): Promise<void> => locked(o.dir, (environment) => environment.stopAll());

const one =
  (work: (environment: Environment, name: string) => Promise<void>) =>
  (name: string, o: { dir: string }): Promise<void> =>
    locked(o.dir, (environment) => work(environment, name));

/** What a process logged before it failed takes several lines; the program's own way to print errors has one. */
const reporting =
  <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
  async (...args: A): Promise<void> => {
    try {
      await work(...args);
    } catch (error) {
      process.stderr.write(`drover: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
  };

/** The subcommand `dev` with all of its own. */
export const devCommand = (): Command => {
  const dev = new Command("dev").description("development environments: a hub and managed clusters on this machine");
  const sub = (name: string, description: string): Command =>
    dev.command(name).description(description).requiredOption("--dir <directory>", "where the environment is kept");
  sub("up", "start an environment, or complete one that runs")
    .option("--clusters <names>", "managed clusters, separated by commas", names, ["east", "west"])
    .option("--nodes <count>", "nodes of each managed cluster", number(1), 3)
    .option("--proxies <count>", "replicas of the proxy", number(1), 1)
    .action(reporting(up));
  sub("status", "what runs; exit code 1 when something does not").option("-o, --output <format>", "json").action(reporting(status));
  sub("down", "stop everything; the data stays").action(reporting(down));
  sub("start", "start one process, for example agent:east")
    .argument("<process>")
    .action(reporting(one((environment, name) => environment.start(name, { patient: true }))));
  sub("stop", "stop one process")
    .argument("<process>")
    .action(reporting(one((environment, name) => environment.stop(name))));
  sub("restart", "stop one process and start it again")
    .argument("<process>")
    .action(
      reporting(
        one(async (environment, name) => {
          await environment.stop(name);
          await environment.start(name, { patient: true });
        }),
      ),
    );
  dev
    .command("demo")
    .description("a whole environment and a short story in it; DEMO_ONCE=1 ends after the story")
    .action(reporting(runDemo));
  return dev;
};

/** Adds `dev` to the program. */
export const registerDev = (program: Command): void => {
  program.addCommand(devCommand());
};
