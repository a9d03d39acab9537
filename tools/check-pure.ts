// Checks that pure files cannot reach the clock, randomness, the process, timers, the console or any I/O:
// every plan.ts and everything in lib/access and lib/identity, tests aside. What they import must be pure as well, or types only.
import { posix } from "node:path";
import { type Import, readSource, repositoryFiles } from "./source.ts";

const isPure = (path: string): boolean =>
  path.endsWith(".ts") && !/\.(test|itest|e2e)\.ts$/.test(path) && (path.endsWith("/plan.ts") || /^lib\/(access|identity)\//.test(path));

/** Files that hold only data and functions of their arguments, although not named as pure. */
const knownPure = /^(crds\/(?!.*(test|itest)\.ts$).*|lib\/kube\/object\.ts|lib\/kube\/core\.ts|lib\/reconcile\/contract\.ts)$/;

/** Functions of their arguments alone, in modules of Node. */
const pureBuiltins: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["createHash", "createHmac", "createPublicKey", "scrypt", "scryptSync", "timingSafeEqual", "verify"],
  "node:util": ["isDeepStrictEqual"],
  "node:buffer": ["Buffer"],
  "node:net": ["isIP", "isIPv4", "isIPv6"],
};

const forbidden = new Set([
  ..."process console performance crypto fetch WebSocket setTimeout setInterval setImmediate queueMicrotask".split(" "),
  ...["Date.now", "new Date()", "Math.random", "globalThis"],
]);

const problems: string[] = [];
for (const path of repositoryFiles().filter(isPure)) {
  const source = readSource(path);
  for (const name of source.uses) if (forbidden.has(name)) problems.push(`${path}: uses ${name}, but is a pure file`);
  for (const wanted of source.imports) if (!mayImport(path, wanted)) problems.push(`${path}: imports ${wanted.from}, which is not pure`);
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function mayImport(path: string, { from, names, typeOnly }: Import): boolean {
  if (typeOnly) return true;
  const builtin = pureBuiltins[from];
  if (builtin) return names.length > 0 && names.every((name) => builtin.includes(name));
  if (!from.startsWith(".")) return false;
  const target = posix.join(posix.dirname(path), from);
  return isPure(target) || knownPure.test(target);
}
