// Runs programs: to their end, or in the background while their output is read. The environment is exactly the one given.
import { execa, type Options, type Result } from "execa";

export interface CommandResult {
  /** The exit code; -1 when a signal ended the program, the time limit's included. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard input; without it there is none. */
  readonly input?: string;
  /** Ends the program when aborted; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** After this time the program is killed. */
  readonly timeoutMs?: number;
}

const execaOptions = ({ env, cwd, input = "", signal, timeoutMs }: CommandOptions) =>
  ({
    env,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    input,
    ...(cwd === undefined ? {} : { cwd }),
    ...(signal === undefined ? {} : { cancelSignal: signal }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: "SIGKILL" }),
  }) as const satisfies Options;

/** Rejects when the program could not be started, or the caller's signal ended it. */
const resultOf = ({ exitCode, signal, isCanceled, cause, stdout, stderr }: Result<ReturnType<typeof execaOptions>>): CommandResult => {
  if (isCanceled || (exitCode === undefined && signal === undefined)) throw cause;
  return { code: exitCode ?? -1, stdout, stderr };
};

/** Runs a program to its end, whatever its exit code. */
export const runCommand = async (command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> => {
  const child = execa(command, args, execaOptions(options));
  // A program may have started others, which hold its output open: an abort does not wait for them.
  const close = (): void => [child.stdout, child.stderr].forEach((stream) => void stream.destroy());
  options.signal?.addEventListener("abort", close, { once: true });
  try {
    return resultOf(await child);
  } finally {
    options.signal?.removeEventListener("abort", close);
  }
};

/** Standard output of a program that must succeed; otherwise an error that holds what the program said. */
export const mustRun = async (command: string, args: readonly string[], options: CommandOptions): Promise<string> => {
  const { code, stdout, stderr } = await runCommand(command, args, options);
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with code ${code}:\n${stderr || stdout}`);
  return stdout;
};

/** A program in the background. It ends with this process at the latest. */
export interface BackgroundCommand {
  readonly pid: number;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  hasEnded(): boolean;
  /** All that it wrote, once it has ended. */
  readonly result: Promise<CommandResult>;
  /** Kills it if it still runs, and waits for its end. */
  stop(): Promise<void>;
}

const collected = (stream: NodeJS.ReadableStream): (() => string) => {
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString("utf8");
};

export const startCommand = (command: string, args: readonly string[], options: CommandOptions): BackgroundCommand => {
  const child = execa(command, args, execaOptions(options));
  const [stdout, stderr] = [collected(child.stdout), collected(child.stderr)];
  let ended = false;
  const result = child.then(resultOf).finally(() => {
    ended = true;
  });
  result.catch(() => {});
  return {
    pid: child.pid ?? -1,
    stdout,
    stderr,
    hasEnded: () => ended,
    result,
    async stop() {
      child.kill("SIGKILL");
      await result;
    },
  };
};
