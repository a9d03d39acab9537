// Writes everything that is generated from code. With --check it writes nothing and fails if a file is missing, old or left over.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { agentRules } from "./generators/agent-rules.ts";
import { architecture } from "./generators/architecture.ts";
import { DECLARATIONS, RECONCILERS } from "./generators/components.ts";
import { crds } from "./generators/crds.ts";
import type { Generator } from "./generators/file.ts";
import { guards } from "./generators/guards.ts";
import { hubRoles } from "./generators/hub-roles.ts";
import { kindDocs } from "./generators/kind-docs.ts";
import { nameReferences } from "./generators/name-references.ts";
import { namespace } from "./generators/namespace.ts";
import { rbac } from "./generators/rbac.ts";
import { workloads } from "./generators/workloads.ts";
import { root } from "./results.ts";

const GENERATORS: readonly Generator[] = [
  crds,
  kindDocs,
  namespace,
  nameReferences,
  guards,
  hubRoles,
  agentRules,
  rbac(DECLARATIONS),
  workloads,
  architecture(RECONCILERS),
];

const check = process.argv.includes("--check");
const stale: string[] = [];

for (const generator of GENERATORS) {
  const files = new Map(generator.files().map((file) => [file.path, file.content]));
  for (const path of generator.owns.flatMap(filesBelow)) if (!files.has(path)) remove(path);
  for (const [path, content] of files)
    if (!existsSync(join(root, path)) || readFileSync(join(root, path), "utf8") !== content) write(path, content);
}

if (check && stale.length > 0) {
  for (const path of stale) process.stderr.write(`${path}: not what tools/generate.ts makes\n`);
  process.stderr.write("run: tools/node tools/generate.ts\n");
  process.exitCode = 1;
}

function filesBelow(path: string): string[] {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full).flatMap((name) => filesBelow(join(path, name)));
}

function write(path: string, content: string): void {
  stale.push(path);
  if (check) return;
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

function remove(path: string): void {
  stale.push(path);
  if (!check) rmSync(join(root, path));
}
