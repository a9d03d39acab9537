// The demo's story: each step is a real command with its output and its exit code. A step with another outcome than expected ends it.
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type BackgroundCommand, type CommandResult, runCommand, startCommand } from "../controlplane/command.ts";
import { SHOP } from "../controlplane/nodes.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { BINDING, CLUSTER, PROJECT_NAMESPACE, USER } from "./demo-site.ts";
import type { Environment } from "./environment.ts";

/** A user at a terminal, with a home and a kubeconfig of their own. */
interface TerminalUser {
  name: string;
  env: Record<string, string>;
}

export interface Story {
  environment: Environment;
  password: string;
  signal: AbortSignal;
  print(line: string): void;
}

const LIMIT_MS = 30_000;

const terminalUser = async (environment: Environment, name: string, kubeconfig?: string): Promise<TerminalUser> => {
  const home = environment.path("users", name);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const path = [join(repositoryRoot(), "bin"), dirname(environment.contents.kubectl), process.env.PATH ?? "/usr/bin:/bin"].join(":");
  return {
    name,
    env: { PATH: path, HOME: home, XDG_CONFIG_HOME: join(home, ".config"), KUBECONFIG: kubeconfig ?? join(home, "kubeconfig") },
  };
};

const quoted = (args: readonly string[]): string => args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ");

class Transcript {
  readonly #story: Story;

  constructor(story: Story) {
    this.#story = story;
  }

  narrate(text: string): void {
    this.#story.print(`\n${text}`);
  }

  command(who: TerminalUser, args: readonly string[]): void {
    this.#story.print(`\n  ${who.name}$ ${quoted(args)}`);
  }

  output({ stdout, stderr }: { stdout: string; stderr: string }, exit: string): void {
    const lines = `${stdout}${stderr}`.trimEnd().split("\n");
    for (const line of lines.filter((text) => text !== "")) this.#story.print(`    ${line}`);
    this.#story.print(`    [${exit}]`);
  }

  /** Runs a command without printing anything. */
  runSilently(who: TerminalUser, args: readonly string[], input?: string): Promise<CommandResult> {
    const [command = "", ...rest] = args;
    return runCommand(command, rest, {
      env: who.env,
      cwd: who.env.HOME ?? "/",
      signal: this.#story.signal,
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Runs a command and prints it; the outcome must be the expected one. */
  async run(
    who: TerminalUser,
    args: readonly string[],
    expected: (result: CommandResult) => boolean,
    input?: string,
  ): Promise<CommandResult> {
    this.command(who, args);
    const result = await this.runSilently(who, args, input);
    this.output(result, `exit code ${result.code}`);
    if (!expected(result)) throw new Error(`unexpected outcome: ${quoted(args)} ended with exit code ${result.code}`);
    return result;
  }

  /** Repeats a command until the outcome is the expected one, and prints that last run and the time since `since`. */
  async until(
    who: TerminalUser,
    args: readonly string[],
    expected: (result: CommandResult) => boolean,
    since: number,
  ): Promise<CommandResult> {
    this.command(who, args);
    for (;;) {
      const result = await this.runSilently(who, args);
      const ms = Math.round(performance.now() - since);
      if (expected(result)) {
        this.output(result, `exit code ${result.code}, ${ms} ms after the change, kubectl's own time included`);
        return result;
      }
      if (ms > LIMIT_MS) throw new Error(`unexpected outcome: ${quoted(args)} still ends with ${result.code}: ${result.stderr}`);
      await sleep(5, undefined, { signal: this.#story.signal });
    }
  }
}

const worked = ({ code }: CommandResult): boolean => code === 0;
const forbidden = ({ code, stderr }: CommandResult): boolean => code === 1 && stderr.includes("Forbidden");

/** `kubectl logs -f` in the background. */
class Follower {
  readonly #command: BackgroundCommand;
  readonly #ended: Promise<{ code: number; at: number }>;

  constructor(who: TerminalUser, args: readonly string[]) {
    const [command = "", ...rest] = args;
    this.#command = startCommand(command, rest, { env: who.env });
    this.#ended = this.#command.result.then(({ code }) => ({ code, at: performance.now() }));
    this.#ended.catch(() => {});
  }

  get lines(): string[] {
    return this.#command
      .stdout()
      .split("\n")
      .filter((line) => line !== "");
  }

  get stderr(): string {
    return this.#command.stderr();
  }

  /** Waits for so many lines. */
  async atLeast(count: number, signal: AbortSignal): Promise<void> {
    const limit = performance.now() + LIMIT_MS;
    while (this.lines.length < count) {
      if (this.#command.hasEnded()) throw new Error(`the followed log ended early: ${this.stderr}`);
      if (performance.now() > limit) throw new Error(`the followed log gave ${this.lines.length} lines only`);
      await sleep(50, undefined, { signal });
    }
  }

  /** Waits for its end. */
  async end(signal: AbortSignal): Promise<{ code: number; at: number }> {
    const over = new AbortController();
    const limit = sleep(LIMIT_MS, undefined, { signal: AbortSignal.any([signal, over.signal]) }).then(() => {
      throw new Error("unexpected outcome: the followed log is still open");
    });
    // A timer left behind would keep this process from ending.
    return Promise.race([this.#ended, limit]).finally(() => over.abort());
  }

  stop(): Promise<void> {
    return this.#command.stop();
  }
}

/** Runs the whole story; throws when a step has another outcome than expected. */
export const runStory = async (story: Story): Promise<void> => {
  const { environment, signal } = story;
  const transcript = new Transcript(story);
  const root = await terminalUser(environment, "root", environment.state().hub.adminKubeconfig);
  const alice = await terminalUser(environment, USER);
  const bindingFile = join(root.env.HOME ?? "", "alice-operates.json");
  await writeFile(bindingFile, JSON.stringify(BINDING, null, 2));
  const kubectl = (...args: string[]): string[] => ["kubectl", "--context", `drover-${CLUSTER}`, "-n", SHOP, ...args];
  const getPods = kubectl("get", "pods");

  transcript.narrate(`${USER} logs in. In cluster ${CLUSTER} they may see nodes, but not the shop.`);
  const login = [
    "kubectl",
    "drover",
    "login",
    environment.authUrl,
    "--ca-file",
    environment.path("ca.crt"),
    "--username",
    USER,
    "--password-stdin",
  ];
  await transcript.run(alice, login, worked, `${story.password}\n`);
  await transcript.run(alice, getPods, forbidden);

  transcript.narrate("The platform team applies a binding on the hub; the same command answers.");
  await transcript.run(root, ["kubectl", "apply", "-f", bindingFile], worked);
  const pods = await transcript.until(alice, getPods, worked, performance.now());
  const pod = /^(web-\S+)/m.exec(pods.stdout)?.[1];
  if (pod === undefined) throw new Error("unexpected outcome: no pod of the shop is listed");

  transcript.narrate("The template holds pods/log and pods/exec.");
  await transcript.run(alice, kubectl("logs", pod, "--tail=2"), (result) => worked(result) && result.stdout !== "");
  await transcript.run(
    alice,
    kubectl("exec", pod, "--", "sh", "-c", "echo hello from a pod; exit 3"),
    ({ code, stdout }) => code === 3 && stdout.includes("hello"),
  );

  transcript.narrate(`${USER} follows a log. While it is open, the binding is deleted.`);
  const follow = kubectl("logs", "-f", pod, "--tail=1");
  const follower = new Follower(alice, follow);
  try {
    transcript.command(alice, follow);
    await follower.atLeast(2, signal);
    for (const line of follower.lines) story.print(`    ${line}`);
    story.print("    [still open]");
    await transcript.run(root, ["kubectl", "delete", BINDING.kind.toLowerCase(), BINDING.metadata.name, "-n", PROJECT_NAMESPACE], worked);
    const deleted = performance.now();
    await transcript.until(alice, getPods, forbidden, deleted);
    const { code, at } = await follower.end(signal);
    transcript.command(alice, follow);
    transcript.output(
      { stdout: "", stderr: follower.stderr },
      `ended, exit code ${code}, ${Math.max(0, Math.round(at - deleted))} ms after the deletion`,
    );
  } finally {
    await follower.stop();
  }
};
