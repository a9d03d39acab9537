// How long a person waits for `make demo` to have told its story.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** Seconds of `DEMO_ONCE=1 make demo` in this checkout, whose caches are warm. */
export const warmDemo = (): Promise<number> => demo(root, {});

/** The same in a fresh clone with empty build caches; downloaded Go modules and npm's cache stay as they are. */
export async function coldDemo(): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "drover-cold-"));
  try {
    execFileSync("git", ["clone", "--quiet", root, join(scratch, "drover")]);
    return await demo(join(scratch, "drover"), { XDG_CACHE_HOME: join(scratch, "cache"), GOCACHE: join(scratch, "go-build") });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function demo(directory: string, env: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now();
  const child = spawn("make", ["demo"], {
    cwd: directory,
    env: { ...process.env, ...env, DEMO_ONCE: "1" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  if (code !== 0) throw new Error(`make demo: exit code ${code}`);
  return (performance.now() - started) / 1000;
}
