// What Drover's processes say in their logs, from a moment on.
import { readFileSync } from "node:fs";
import { state } from "./state.ts";

/** A line of a process of Drover's. */
export interface Line {
  readonly process: string;
  readonly level: string;
  readonly text: string;
  readonly audit?: Readonly<Record<string, unknown>>;
}

/** Without the parts that are Kubernetes' own: those warn of slow disks and the like. */
const isDrovers = (name: string): boolean => /^(auth|proxy|operator|agent)(:|$)/.test(name);

/** Marks how far each log has come; the lines since then, each time it is called. */
export function linesFromNow(): () => Line[] {
  const seen = new Map(logs().map(([name, path]) => [name, readFileSync(path).length]));
  return () =>
    logs().flatMap(([name, path]) =>
      parse(
        name,
        readFileSync(path)
          .subarray(seen.get(name) ?? 0)
          .toString("utf8"),
      ),
    );
}

const logs = (): [name: string, path: string][] =>
  Object.entries(state().processes)
    .filter(([name]) => isDrovers(name))
    .map(([name, { log }]) => [name, log]);

/** What is no JSON was not written by the logger: a crash, or a warning of node's. */
function parse(process: string, text: string): Line[] {
  // The last line may still be being written.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      try {
        const { level, audit } = JSON.parse(line) as { level: string; audit?: Line["audit"] };
        return { process, level, text: line, ...(audit ? { audit } : {}) };
      } catch {
        return { process, level: "error", text: line };
      }
    });
}
