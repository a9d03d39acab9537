// Checks who may import whom. The nearest DEPS file above a source file lists what its folder may import besides itself, one a line:
//   lib/kube            a folder of this repository
//   lib/kube/object.ts  one file of it
//   npm:undici          a package
// Modules of Node itself are open to all but pure files (tools/check-pure.ts). No files import each other in a circle, types aside.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { importCycles } from "./import-cycles.ts";
import { root } from "./results.ts";
import { readSource, repositoryFiles, type Source } from "./source.ts";

interface Rules {
  readonly folder: string;
  readonly allowed: readonly string[];
}

/** Tests may import these beside what their folder may. */
const inTests = ["npm:@jest/globals", "npm:fast-check", "test"];
const inProcessTests = [...inTests, "lib/kube", "lib/process", "crds", "deploy", "controlplane", "lib/outbound"];

/** What development runs by its name and nothing imports. */
const runByName = ["@biomejs/biome", "@swc/jest", "jest", "typescript"];

const problems: string[] = [];
const usedPackages = new Set<string>();
const graph = new Map<string, string[]>();
const sources = repositoryFiles().filter((path) => path.endsWith(".ts"));

for (const path of sources) checkSource(readSource(path));
checkPackages();
for (const cycle of importCycles(graph)) problems.push(`${cycle.join(" → ")}: these files import each other in a circle`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkSource(source: Source): void {
  const rules = rulesFor(source.path);
  if (!rules) {
    problems.push(`${source.path}: no DEPS file in its folder or above it`);
    return;
  }
  const imported: string[] = [];
  graph.set(source.path, imported);
  for (const { from, typeOnly } of source.imports) {
    if (from.startsWith("node:")) continue;
    const target = from.startsWith(".") ? posix.join(posix.dirname(source.path), from) : `npm:${packageOf(from)}`;
    if (!typeOnly) imported.push(target);
    if (target.startsWith("npm:")) usedPackages.add(target.slice("npm:".length));
    else if (!existsSync(join(root, target))) problems.push(`${source.path}: imports ${target}, which does not exist`);
    if (!allowed(source.path, target, rules))
      problems.push(`${source.path}: imports ${target}${typeOnly ? " (types)" : ""}, which ${join(rules.folder, "DEPS")} does not allow`);
  }
}

function allowed(path: string, target: string, rules: Rules): boolean {
  const extra = /\.(itest|e2e|long)\.ts$/.test(path) ? inProcessTests : path.endsWith(".test.ts") ? inTests : [];
  return [rules.folder, ...rules.allowed, ...extra].some((entry) => target === entry || target.startsWith(`${entry}/`));
}

function rulesFor(path: string): Rules | undefined {
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    const file = join(root, folder, "DEPS");
    if (existsSync(file)) return { folder, allowed: parseRules(readFileSync(file, "utf8")) };
  }
  return undefined;
}

function parseRules(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");
}

function packageOf(specifier: string): string {
  const [scope = "", name = ""] = specifier.split("/");
  return specifier.startsWith("@") ? `${scope}/${name}` : scope;
}

/** Packages are declared where they are used, and used where they are declared. */
function checkPackages(): void {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const declared = { ...dependencies, ...devDependencies };
  const isRun = (name: string): boolean =>
    runByName.includes(name) || (name.startsWith("@types/") && isTyped(name.slice("@types/".length)));
  const isTyped = (name: string): boolean => name === "node" || usedPackages.has(name);
  for (const name of usedPackages) if (!(name in declared)) problems.push(`package.json: ${name} is imported but not declared`);
  for (const name of Object.keys(declared))
    if (!usedPackages.has(name) && !(name in (devDependencies ?? {}) && isRun(name)))
      problems.push(`package.json: ${name} is declared but never imported`);
}
