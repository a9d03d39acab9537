import { Writable } from "node:stream";
import { createLogger as create, format, type Logger, transports } from "winston";
import { nameOutput, standardOutput } from "./output.ts";

export type { Logger } from "winston";

/** One JSON object per line on standard output: level, message, time, process, and the fields given. Level from DROVER_LOG_LEVEL, else info. */
export function createLogger(name: string): Logger {
  nameOutput(name);
  const stream = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      standardOutput.write(line);
      done();
    },
  });
  return create({
    level: process.env.DROVER_LOG_LEVEL ?? "info",
    defaultMeta: { process: name },
    format: format.combine(format.timestamp({ alias: "time", format: () => new Date().toISOString() }), format.json()),
    transports: [new transports.Stream({ stream, handleExceptions: false })],
  });
}
