import { createLogger as create, format, type Logger, transports } from "winston";

export type { Logger } from "winston";

/** One JSON object per line on standard output: level, message, time, process, and the fields given. Level from DROVER_LOG_LEVEL, else info. */
export function createLogger(name: string): Logger {
  return create({
    level: process.env.DROVER_LOG_LEVEL ?? "info",
    defaultMeta: { process: name },
    format: format.combine(format.timestamp({ alias: "time", format: () => new Date().toISOString() }), format.json()),
    transports: [new transports.Console({ handleExceptions: false })],
  });
}
