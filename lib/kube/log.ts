import { types } from "node:util";
import { certificateProblem } from "../outbound/certificate.ts";

/** The logger that this library needs; winston's loggers fit. `fields` are structured, never interpolated. */
export interface Log {
  debug(message: string, fields?: object): unknown;
  info(message: string, fields?: object): unknown;
  warn(message: string, fields?: object): unknown;
  error(message: string, fields?: object): unknown;
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The error in one line, with its chain of causes, because undici has the useful part in `cause`. Says what to do about a certificate. */
export function describe(error: unknown): string {
  if (!(error instanceof Error || types.isNativeError(error))) return String(error);
  const problem = certificateProblem(error);
  const said = error.message || (error as { code?: string }).code || error.name;
  const own = problem === undefined ? said : `${problem} (${said})`;
  return error.cause === undefined || own.includes(describe(error.cause)) ? own : `${own}: ${describe(error.cause)}`;
}
