// Programs that the stories run: to their end, or in the background while their output is read.
import { homedir } from "node:os";
import { join } from "node:path";
import { type BackgroundCommand, type CommandResult, runCommand, startCommand } from "../../controlplane/command.ts";
import { directory, scratch } from "./state.ts";

export type { BackgroundCommand, CommandResult } from "../../controlplane/command.ts";

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Added to the environment of the stories. */
  readonly env?: Readonly<Record<string, string>>;
}

const bin = (name: string): string => join(import.meta.dirname, "..", "..", "bin", name);

/** HOME is the stories' own: nothing of the machine's user is read or changed. */
const withEnvironment = ({ env, ...options }: RunOptions) => ({
  ...options,
  env: {
    ...process.env,
    // Where the embedded Kubernetes was built to; with another home alone it would be built again.
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
    HOME: scratch("home"),
    ...env,
  },
});

export const run = (program: string, args: readonly string[], options: RunOptions = {}): Promise<CommandResult> =>
  runCommand(program, args, withEnvironment({ timeoutMs: 60_000, ...options }));

export const start = (program: string, args: readonly string[], options: RunOptions = {}): BackgroundCommand =>
  startCommand(program, args, withEnvironment(options));

/** `drover …` of this checkout. */
export const drover = (args: readonly string[], options: RunOptions = {}): Promise<CommandResult> => run(bin("drover"), args, options);

/** `drover-dev <verb> --dir <the environment> …`; throws when it fails. */
export async function dev(verb: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(bin("drover-dev"), [verb, "--dir", directory(), ...args], { timeoutMs: 300_000 });
  if (code !== 0) throw new Error(`drover-dev ${verb} ${args.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
