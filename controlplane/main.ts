// Builds the embedded control plane (and kwok) if need be, and prints the directories: build.ts [kubernetes] [kwok]
import { controlPlane, type Part } from "./build.ts";

const parts = process.argv.slice(2);
const isPart = (name: string): name is Part => name === "kubernetes" || name === "kwok";

try {
  const wanted: Part[] = parts.length > 0 ? parts.filter(isPart) : ["kubernetes"];
  if (wanted.length < parts.length) throw new Error("usage: build.ts [kubernetes] [kwok]");
  for (const part of wanted) process.stdout.write(`${await controlPlane(part, (line) => process.stderr.write(`${line}\n`))}\n`);
} catch (error) {
  process.stderr.write(`drover: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
