// `drover-dev`: development environments on this machine. A program of its own: `drover`, which users install, contains nothing of it.
import { Command, InvalidArgumentError } from "commander";
import { withLock } from "../controlplane/lock.ts";
import { isShortName, SHORT_NAME_RULE } from "../crds/v1alpha1/names.ts";
import { demo } from "./demo.ts";
import { Environment, HUB, type State } from "./environment.ts";
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
  const abort = (): void => controller.abort(new Error("interrupted"));
  process.on("SIGINT", abort);
  process.on("SIGTERM", abort);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off("SIGINT", abort);
      process.off("SIGTERM", abort);
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
    print(`  stop it with: drover-dev down --dir ${o.dir}`);
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

/** Runs `work` on the environment of a directory while no other process changes it. */
const locked = async (directory: string, work: (environment: Environment) => Promise<void>): Promise<void> => {
  const { directory: canonical } = Environment.require(directory);
  // Read again under the lock: another process may have changed it meanwhile.
  await withLock(`environment ${canonical}`, () => work(Environment.require(canonical)));
};

const down = (o: { dir: string }): Promise<void> => locked(o.dir, (environment) => environment.stopAll());

const start = (environment: Environment, name: string): Promise<void> => environment.start(name, { mayBeUnready: true });
const stop = (environment: Environment, name: string): Promise<void> => environment.stop(name);
const restart = async (environment: Environment, name: string): Promise<void> => {
  await stop(environment, name);
  await start(environment, name);
};

const one =
  (work: (environment: Environment, name: string) => Promise<void>) =>
  (name: string, o: { dir: string }): Promise<void> =>
    locked(o.dir, (environment) => work(environment, name));

/** An error may have several lines: the end of a process's log, for example. */
const reporting =
  <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
  async (...args: A): Promise<void> => {
    try {
      await work(...args);
    } catch (error) {
      process.stderr.write(`drover-dev: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = 1;
    }
  };

const program = new Command("drover-dev")
  .description("development environments: a hub and managed clusters on this machine")
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .configureOutput({ outputError: (text, write) => write(`drover-dev: ${text.replace(/^error: /, "")}`) });
const command = (name: string, description: string): Command =>
  program.command(name).description(description).requiredOption("--dir <directory>", "where the environment is kept");

command("up", "start an environment, or complete one that runs")
  .option("--clusters <names>", "managed clusters, separated by commas", names, ["east", "west"])
  .option("--nodes <count>", "nodes of each managed cluster", number(1), 3)
  .option("--proxies <count>", "replicas of the proxy", number(1), 1)
  .action(reporting(up));
command("status", "list what runs; exit code 1 when something does not").option("-o, --output <format>", "json").action(reporting(status));
command("down", "stop everything; the data stays").action(reporting(down));
command("start", "start one process, for example agent:east")
  .argument("<process>")
  .action(reporting(one(start)));
command("stop", "stop one process")
  .argument("<process>")
  .action(reporting(one(stop)));
command("restart", "stop one process and start it again")
  .argument("<process>")
  .action(reporting(one(restart)));
program
  .command("demo")
  .description("a whole environment and a short story in it; DEMO_ONCE=1 ends after the story")
  .action(reporting(runDemo));

await program.parseAsync();
