// Starting and stopping processes that outlive the one that starts them: each in a session of its own, with its output in a
// log file and no other file descriptor, distinguished from a later process with the same pid by its start time.
import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** What to run; the environment is exactly `env` and the marks below, nothing else is inherited. */
export interface ProcessSpec {
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Gets stdout and stderr, appended. */
  log: string;
}

/** A started process; `started` is its start time in clock ticks since boot. */
export interface Running {
  pid: number;
  started: string;
}

/** By this variable a test run finds what it left running. */
const RUN_MARK = "DROVER_RUN_MARK";
/** By this one the process cleanup finds what it ends. */
export const CLEANUP_MARK = "DROVER_REAPER";

const statOf = (pid: number): { state: string; started: string } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name before the last parenthesis may itself contain anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", started: fields[19] ?? "" };
  } catch {
    return undefined;
  }
};

/** Whether that very process still runs. */
export const isAlive = (running: Running): boolean => {
  const stat = statOf(running.pid);
  return stat !== undefined && stat.started === running.started && stat.state !== "Z";
};

/** Descriptors above stderr that this process itself got from its parent and would pass on. */
const inheritable = (): number[] =>
  readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => {
      if (fd <= 2) return false;
      try {
        const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
        return flags !== undefined && (Number.parseInt(flags, 8) & 0o2000000) === 0;
      } catch {
        return false;
      }
    });

/** Starts the process; resolves once it has been executed. `mark`: of the process cleanup that ends it if this process ends first. */
export const startProcess = async (spec: ProcessSpec, mark?: string): Promise<Running> => {
  const log = openSync(spec.log, "a", 0o600);
  try {
    // Make and CI runners leave descriptors open that Node does not close; the shell does, and then becomes the command.
    const stray = inheritable();
    const closing = `${stray.map((fd) => `exec ${fd}>&-`).join("; ")}; exec "$@"`;
    const [command, args] =
      stray.length > 0 ? ["bash", ["-c", closing, "bash", spec.command, ...spec.args]] : [spec.command, [...spec.args]];
    const run = process.env[RUN_MARK];
    const marks = { ...(run === undefined ? {} : { [RUN_MARK]: run }), ...(mark === undefined ? {} : { [CLEANUP_MARK]: mark }) };
    const env = { ...spec.env, ...marks };
    const child = spawn(command, args, { env, cwd: spec.cwd, detached: true, stdio: ["ignore", log, log] });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    child.unref();
    const pid = child.pid;
    const stat = pid === undefined ? undefined : statOf(pid);
    if (pid === undefined || stat === undefined) throw new Error(`${spec.command} ended at once; see ${spec.log}`);
    return { pid, started: stat.started };
  } finally {
    closeSync(log);
  }
};

const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

/** Sends a signal to that very process and to what it started. */
export const signalProcess = (running: Running, signal: NodeJS.Signals): void => {
  if (isAlive(running)) signalGroup(running.pid, signal);
};

/** Waits until the process is gone; false when it still runs after `limitMs`. */
export const waitForEnd = async (running: Running, limitMs: number): Promise<boolean> => {
  const until = performance.now() + limitMs;
  while (isAlive(running)) {
    if (performance.now() > until) return false;
    await sleep(20);
  }
  return true;
};

/** SIGTERM, and SIGKILL for what is left of its process group after `graceMs`; resolves when it is gone. */
export const stopProcess = async (running: Running, graceMs: number): Promise<void> => {
  if (!isAlive(running)) return;
  if (graceMs > 0) {
    signalGroup(running.pid, "SIGTERM");
    await waitForEnd(running, graceMs);
  }
  // Also when the leader has ended: children of its group must not stay behind.
  signalGroup(running.pid, "SIGKILL");
  if (!(await waitForEnd(running, 10_000))) throw new Error(`process ${running.pid} did not end after SIGKILL`);
};

/** The last lines of a log, for error messages. */
const logTail = async (path: string, lines = 15): Promise<string> => {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const length = Math.min(size, 16_384);
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
    } finally {
      await file.close();
    }
  } catch {
    return "(no log)";
  }
};

/**
 * Waits until `ready` returns true. Throws, with the end of its log, when the process ends first or `limitMs` pass;
 * errors thrown by `ready` count as "not yet".
 */
export const waitUntilReady = async (
  name: string,
  process: { running: Running; log: string },
  ready: () => Promise<boolean>,
  o: { limitMs: number; signal?: AbortSignal },
): Promise<void> => {
  const until = performance.now() + o.limitMs;
  for (;;) {
    o.signal?.throwIfAborted();
    if (!isAlive(process.running)) throw new Error(`${name} ended before it was ready; the end of its log:\n${await logTail(process.log)}`);
    if (await ready().catch(() => false)) return;
    if (performance.now() > until) {
      throw new Error(`${name} was not ready after ${o.limitMs / 1000} s; the end of its log:\n${await logTail(process.log)}`);
    }
    await sleep(50);
  }
};
