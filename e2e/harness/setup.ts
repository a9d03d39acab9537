// Before the first story: brings up the environment, or completes the one named by DROVER_E2E_DIR.
import { mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";
import { dev } from "./command.ts";
import teardown from "./teardown.ts";

export default async function setup(): Promise<void> {
  if (!process.env.DROVER_E2E_DIR) {
    process.env.DROVER_E2E_DIR = mkdtempSync(join(tmpdir(), "drover-e2e-"));
    process.env.DROVER_E2E_OWN = "1";
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupted(signal));
  }
  mkdirSync(join(process.env.DROVER_E2E_DIR, "e2e", "home"), { recursive: true });
  try {
    await dev("up", "--clusters", "east,west", "--proxies", "2");
  } catch (error) {
    // The first error is the one to report.
    await teardown().catch(() => {});
    throw error;
  }
}

/** Jest runs no teardown when it is interrupted. */
function interrupted(signal: NodeJS.Signals): void {
  const program = join(import.meta.dirname, "..", "..", "bin", "drover-dev");
  execaSync(program, ["down", "--dir", process.env.DROVER_E2E_DIR ?? ""], { stdio: "ignore", reject: false });
  process.kill(process.pid, signal);
}
