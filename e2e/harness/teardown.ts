// After the last story: stops the environment if this run made it; its logs stay in .drover/results/.
import { existsSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { dev } from "./command.ts";
import { directory, state } from "./state.ts";

export default async function teardown(): Promise<void> {
  if (process.env.DROVER_E2E_OWN !== "1") return;
  await keepLogs().catch(() => {});
  // While something may still run the directory stays: it is what `drover-dev down` needs.
  if (existsSync(join(directory(), "state.json"))) await dev("down");
  await rm(directory(), { recursive: true, force: true });
}

async function keepLogs(): Promise<void> {
  const target = join(import.meta.dirname, "..", "..", ".drover", "results", "e2e-logs");
  await rm(target, { recursive: true, force: true });
  for (const { log } of Object.values(state().processes)) await cp(log, join(target, basename(log)));
}
