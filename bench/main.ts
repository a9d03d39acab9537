// make bench: measures, prints a table, writes bench/results/latest.json. What is measured and how: README.md here.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";
import { dev } from "../e2e/harness/command.ts";
import { measureAccess } from "./access.ts";
import { coldDemo, warmDemo } from "./demo.ts";
import { residentMemory } from "./memory.ts";
import { report } from "./report.ts";
import { measureRequests } from "./requests.ts";

const given = process.env.BENCH_DIR;
const directory = given ?? mkdtempSync(join(tmpdir(), "drover-bench-"));
process.env.DROVER_E2E_DIR = directory;
mkdirSync(join(directory, "e2e", "home"), { recursive: true });

const progress = (text: string): void => console.error(text);

// The demo first: nothing of the other measurements is running then.
const demoSeconds: { warm?: number; cold?: number } = {};
if (given === undefined) {
  progress("make demo, caches warm …");
  demoSeconds.warm = await warmDemo();
}
if (process.env.COLD === "1") {
  progress("make demo from nothing …");
  demoSeconds.cold = await coldDemo();
}

try {
  progress("bringing up an environment …");
  await dev("up", "--clusters", "east", "--proxies", "1");
  const idleMemory = residentMemory();
  progress("grant and revocation …");
  const access = await measureAccess();
  progress("requests, directly and through the tunnel …");
  const requests = await measureRequests();
  const results = {
    taken: new Date().toISOString(),
    commit: execaSync("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname }).stdout,
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cpus: cpus().length,
      memoryGiB: totalmem() / 2 ** 30,
      kernel: release(),
      arch: arch(),
      node: process.version,
    },
    access,
    requests,
    memoryMiB: { idle: idleMemory, afterLoad: residentMemory() },
    demoSeconds,
  };
  const file = join(import.meta.dirname, "results", "latest.json");
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, (_key, value) => (typeof value === "number" ? Number(value.toFixed(2)) : value), 2)}\n`);
  console.log(report(results));
} finally {
  if (given === undefined) {
    await dev("down");
    rmSync(directory, { recursive: true, force: true });
  }
}
