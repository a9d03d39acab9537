import { types } from "node:util";
import { certificateProblem } from "../outbound/certificate.ts";

/** What this library needs of a logger; winston's loggers fit. `fields` are structured, never interpolated. */
export interface Log {
  debug(message: string, fields?: object): unknown;
  info(message: string, fields?: object): unknown;
  warn(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** One line that a person can act on, with the chain of causes: undici hides the interesting part in `cause`. */
export function describe(error: unknown): string {
  if (!(error instanceof Error || types.isNativeError(error))) return String(error);
  const problem = certificateProblem(error);
  const said = error.message || (error as { code?: string }).code || error.name;
  const own = problem === undefined ? said : `${problem} (${said})`;
  return error.cause === undefined || own.includes(describe(error.cause)) ? own : `${own}: ${describe(error.cause)}`;
}
