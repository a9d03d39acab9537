// Child processes: run to their end, or left running and read line by line.
import { type ChildProcess, spawn } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";
import { directory, scratch } from "./state.ts";

export interface Result {
  /** The exit code; 128 + signal number does not occur: a process ended by a signal has code -1. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const root = join(import.meta.dirname, "..", "..");

/** HOME is the stories' own: nothing of the machine's user is read, nothing is left with him. */
const environment = (extra: Readonly<Record<string, string>> = {}) => ({
  ...process.env,
  // Where the embedded Kubernetes was built to; with another home alone it would be built again.
  XDG_CACHE_HOME: process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  HOME: scratch("home"),
  ...extra,
});

export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const started = performance.now();
  const child = spawn(program, args, { env: environment(options.env), stdio: ["pipe", "pipe", "pipe"] });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  // A program that ends without reading its input closes the pipe; that is its right.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const limit = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  const code = await ended(child).finally(() => clearTimeout(limit));
  return { code, stdout: stdout(), stderr: stderr(), ms: performance.now() - started };
}

/** `drover …` of this checkout. */
export const drover = (args: readonly string[], options: RunOptions = {}): Promise<Result> =>
  run(join(root, "bin", "drover"), args, options);

/** `drover-dev <verb> --dir <the environment> …`; throws when it fails. */
export async function dev(verb: string, ...args: string[]): Promise<string> {
  const result = await run(join(root, "bin", "drover-dev"), [verb, "--dir", directory(), ...args], { timeoutMs: 300_000 });
  if (result.code !== 0)
    throw new Error(`drover-dev ${verb} ${args.join(" ")}: exit code ${result.code}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** A process in the background. */
export interface Running {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** The exit code, once it has ended; -1 when a signal ended it. */
  readonly exit: Promise<number>;
  hasEnded(): boolean;
  write(text: string): void;
  closeInput(): void;
  /** Ends it if it still runs, and waits for that. */
  stop(): Promise<void>;
}

export function start(program: string, args: readonly string[], options: RunOptions = {}): Running {
  const child = spawn(program, args, { env: environment(options.env), stdio: ["pipe", "pipe", "pipe"] });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin.on("error", () => {});
  let over = false;
  const exit = ended(child).finally(() => {
    over = true;
  });
  return {
    pid: child.pid ?? -1,
    stdout,
    stderr,
    exit,
    hasEnded: () => over,
    write: (text) => void child.stdin.write(text),
    closeInput: () => void child.stdin.end(),
    async stop() {
      if (!over) child.kill("SIGKILL");
      await exit;
    },
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
}
