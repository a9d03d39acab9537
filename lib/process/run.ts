import { once } from "node:events";
import { parseArgs } from "node:util";
import { collectDefaultMetrics, Registry } from "prom-client";
import { type ConfigDefinition, ConfigError, readConfig } from "./config.ts";
import { createLogger, type Logger } from "./logger.ts";
import { standardOutput } from "./output.ts";

/** How long an end waits for the last lines to be taken. */
const LAST_LINES_MS = 1_000;

export interface Process<T> {
  readonly config: T;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Aborts on SIGTERM and SIGINT; `main` then ends what it started and returns. */
  readonly signal: AbortSignal;
}

/**
 * The frame of every process: `node <name>.mjs --config FILE`. A configuration that cannot be used is one line on standard error and
 * exit code 2; a main that fails is logged and exit code 1; after a signal, main returning is exit code 0, a second signal does not wait.
 */
export async function runProcess<T>(
  name: string,
  main: (process: Process<T>) => Promise<void>,
  definition: ConfigDefinition<T>,
): Promise<never> {
  const config = configOrExit(name, definition);
  const log = createLogger(name);
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1);
      log.info("stopping", { signal });
      stop.abort();
    });
  }
  // Nothing may end up here: it is a fault of the program, and going on with an unknown state would be worse than starting anew.
  for (const fault of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(fault, (error: unknown) =>
      exit(log, 1, `${fault}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
    );
  }
  log.info("starting", { pid: process.pid, node: process.version });
  try {
    await main({ config, log, metrics, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) return await exit(log, 1, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return await exit(log, 0);
}

function configOrExit<T>(name: string, definition: ConfigDefinition<T>): T {
  try {
    const { values } = parseArgs({ options: { config: { type: "string" } }, allowPositionals: false });
    if (values.config === undefined) throw new ConfigError("--config FILE is needed");
    return readConfig(values.config, definition);
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message.split("\n")[0]}\n`);
    process.exit(2);
  }
}

async function exit(log: Logger, code: number, message?: string): Promise<never> {
  if (message === undefined) log.info("stopped");
  else log.error("fatal", { error: message });
  const flushed = once(log, "finish");
  log.end();
  await flushed;
  await standardOutput.drained(LAST_LINES_MS);
  process.exit(code);
}
