// Checks that pure files cannot reach the clock, randomness, the process, timers, the console or any I/O:
// every plan.ts, everything in lib/access, lib/identity and lib/sessions, other files that their header calls pure (with a capital), tests aside, and whatever these
// import for more than its types.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./results.ts";
import { readSource, repositoryFiles } from "./source.ts";

const isPure = (path: string): boolean =>
  path.endsWith(".ts") &&
  !/\.(test|itest|e2e|long)\.ts$/.test(path) &&
  (path.endsWith("/plan.ts") || /^lib\/(access|identity|sessions)\//.test(path) || saysPure(path));

function saysPure(path: string): boolean {
  const [header = ""] = /^(?:\/\/.*\n)*/.exec(readFileSync(join(root, path), "utf8")) ?? [];
  return /\bPure\b/.test(header);
}

/** Functions of their arguments alone, in modules of Node. */
const pureBuiltins: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["createHash", "createHmac", "createPublicKey", "scrypt", "scryptSync", "timingSafeEqual", "verify"],
  "node:util": ["isDeepStrictEqual"],
  "node:buffer": ["Buffer"],
  "node:net": ["BlockList", "isIP", "isIPv4", "isIPv6"],
};

const forbidden = new Set([
  ..."process console performance crypto fetch WebSocket setTimeout setInterval setImmediate queueMicrotask".split(" "),
  ...["Date.now", "new Date()", "Math.random", "globalThis"],
]);

const problems: string[] = [];
const checked = new Set<string>();
for (const path of repositoryFiles().filter(isPure)) check(path, path);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** `because`: the pure file that leads here, itself for one that is pure by its name. */
function check(path: string, because: string): void {
  if (checked.has(path)) return;
  checked.add(path);
  const source = readSource(path);
  const role = path === because ? "is a pure file" : `is imported by the pure file ${because}`;
  for (const name of source.uses) if (forbidden.has(name)) problems.push(`${path}: uses ${name}, but ${role}`);
  for (const { from, names, typeOnly } of source.imports) {
    if (typeOnly) continue;
    if (from.startsWith(".")) check(posix.join(posix.dirname(path), from), because);
    else if (!isPureBuiltin(from, names)) problems.push(`${path}: imports ${from}, but ${role}`);
  }
}

function isPureBuiltin(from: string, names: readonly string[]): boolean {
  const builtin = pureBuiltins[from];
  return builtin !== undefined && names.length > 0 && names.every((name) => builtin.includes(name));
}
