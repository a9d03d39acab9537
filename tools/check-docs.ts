// Checks what documentation says about this repository: that every path it names exists, that every link leads somewhere, and that
// docs/errors.md names the same refusals as the code of auth, proxy and agent, both ways.
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "./results.ts";
import { repositoryFiles } from "./source.ts";

const files = repositoryFiles();
const folders = new Set(files.flatMap(foldersOf));
const topLevel = new Set(files.map((path) => path.split("/")[0] ?? ""));
const problems: string[] = [];

const pages = files.filter((path) => path.endsWith(".md"));
for (const page of pages) checkPage(page, readFileSync(join(root, page), "utf8"));
checkRefusals();

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkPage(page: string, text: string): void {
  const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "");
  for (const [, token = ""] of prose.matchAll(/`([^`\n]+)`/g))
    if (looksLikePath(token) && !exists(token)) problems.push(`${page}: \`${token}\` does not exist`);
  for (const [, target = ""] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
    const path = target.replace(/#.*$/, "");
    if (/^[a-z]+:/.test(path) || path === "") continue;
    const resolved = posix.join(posix.dirname(page), path);
    if (!exists(resolved)) problems.push(`${page}: link to ${target}: ${resolved} does not exist`);
  }
}

/** A path of this repository: begins with a top-level name and says more than that, or is a file at the top with an extension. */
function looksLikePath(token: string): boolean {
  const [first = ""] = token.split("/");
  if (/[\s<>{}$…:]|\.\.\./.test(token)) return false;
  return topLevel.has(first) && (token.includes("/") || /\.\w+$/.test(token));
}

/** Files that git knows or would add, and what setup makes from them. */
function exists(path: string): boolean {
  const plain = path.replace(/\/$/, "").replace(/#.*$/, "");
  if (plain.startsWith("dist/") || plain.startsWith("bench/results")) return true;
  if (!plain.includes("*")) return files.includes(plain) || folders.has(plain);
  const pattern = new RegExp(
    `^${plain
      .replace(/[.+?^()|[\]\\]/g, "\\$&")
      .replaceAll("**", "\0")
      .replaceAll("*", "[^/]*")
      .replaceAll("\0", ".*")}$`,
  );
  return files.some((file) => pattern.test(file)) || [...folders].some((folder) => pattern.test(folder));
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** In the code a refusal is `new Refusal("NotRegistered", …)`; in the docs it is the first cell of a row. */
function checkRefusals(): void {
  const page = "docs/errors.md";
  const documented = new Set(
    existsSync(join(root, page))
      ? [...readFileSync(join(root, page), "utf8").matchAll(/^\|\s*`(\w+)`/gm)].map(([, code = ""]) => code)
      : [],
  );
  const sources = files.filter((path) => /^(auth|proxy|agent)\/.*\.ts$/.test(path) && !/\.(test|itest)\.ts$/.test(path));
  const code = sources.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
  const thrown = new Set([...code.matchAll(/\bRefusal\(\s*"(\w+)"/g)].map(([, name = ""]) => name));
  for (const each of thrown) if (!documented.has(each)) problems.push(`${page}: the refusal ${each} is in the code but not here`);
  for (const each of documented) if (!code.includes(`"${each}"`)) problems.push(`${page}: the refusal ${each} is here but not in the code`);
}
