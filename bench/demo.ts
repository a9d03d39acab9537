// How long `make demo` takes until the end of its story.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

const root = join(import.meta.dirname, "..");

/** Seconds of `DEMO_ONCE=1 make demo` in this checkout, whose caches are warm. */
export const warmDemo = (): Promise<number> => demo(root, {});

/** The same in a fresh clone with empty build caches; downloaded Go modules and npm's cache stay as they are. */
export async function coldDemo(): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "drover-cold-"));
  try {
    await execa("git", ["clone", "--quiet", root, join(scratch, "drover")]);
    return await demo(join(scratch, "drover"), { XDG_CACHE_HOME: join(scratch, "cache"), GOCACHE: join(scratch, "go-build") });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function demo(directory: string, env: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now();
  await execa("make", ["demo"], { cwd: directory, env: { ...env, DEMO_ONCE: "1" }, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  return (performance.now() - started) / 1000;
}
