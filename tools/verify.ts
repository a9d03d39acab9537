// Runs every check that needs no API server, shows the output of those that fail, and fails if one of them does.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { root } from "./results.ts";

const node = process.execPath;
const bin = (name: string): string => join(root, "node_modules", ".bin", name);

const checks: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "format and lint", command: [bin("biome"), "ci", "--colors=off", "--error-on-warnings", "."] },
  { name: "types", command: [bin("tsc"), "-p", "."] },
  { name: "import rules", command: [node, "tools/check-deps.ts"] },
  { name: "pure files are pure", command: [node, "tools/check-pure.ts"] },
  { name: "generated files fresh", command: [node, "tools/generate.ts", "--check"] },
  { name: "documentation", command: [node, "tools/check-docs.ts"] },
];

let failed = 0;
for (const { name, command } of checks) {
  const started = performance.now();
  const { code, output } = await run(command);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${code === 0 ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (code !== 0) {
    failed += 1;
    console.log(output.trimEnd().replace(/^/gm, "       "));
  }
}
process.exitCode = failed === 0 ? 0 : 1;

async function run([program = "", ...args]: readonly string[]): Promise<{ code: number; output: string }> {
  if (program === node && !existsSync(join(root, args[0] ?? ""))) return { code: 1, output: `${args[0]} does not exist` };
  // biome and tsc are scripts for Node: the one running this is recent enough, the machine's own may not be.
  const PATH = `${join(node, "..")}:${process.env.PATH}`;
  const { exitCode, all, shortMessage } = await execa(program, args, { cwd: root, env: { PATH }, all: true, reject: false });
  return { code: exitCode ?? 1, output: all || (shortMessage ?? "") };
}
