// Runs the tests of the named jest projects, one project after the other: node tools/test.ts pure integration e2e long
// What follows that is not a project narrows the test files by path. Results as JSON go to .drover/results/.
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { resultsDirectory, root } from "./results.ts";

const projects: Record<string, readonly string[]> = {
  pure: [],
  // Each test file may run an API server of its own: two at once is what two cores bear.
  integration: ["--maxWorkers=2"],
  // The stories share one environment, and some of them stop parts of it.
  e2e: ["--runInBand"],
  long: ["--runInBand"],
};

const chosen = process.argv.slice(2).filter((argument) => argument in projects);
const paths = process.argv.slice(2).filter((argument) => !(argument in projects));
if (chosen.length === 0) {
  console.error(`usage: tools/test.ts PROJECT... [PATH...]\nwhere PROJECT is one of ${Object.keys(projects).join(", ")}`);
  process.exit(2);
}

// An interrupt reaches jest through the process group; this process only waits for it to end.
// No further project is begun after it.
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}

await mkdir(resultsDirectory, { recursive: true });
let worst = 0;
for (const project of chosen) worst = interrupted ? 1 : Math.max(worst, await jest(project));
process.exitCode = worst;

/** @returns jest's exit code; 1 when it was ended by a signal */
async function jest(project: string): Promise<number> {
  const output = join(resultsDirectory, `${project}.json`);
  await rm(output, { force: true });
  const args = [
    "--selectProjects",
    project,
    ...(projects[project] ?? []),
    "--json",
    `--outputFile=${output}`,
    "--passWithNoTests",
    "--",
    ...paths,
  ];
  // With --json the readable report goes to stderr, and the JSON to the file and to stdout, where it is not needed.
  const { exitCode } = await execa(process.execPath, [join(root, "node_modules/jest/bin/jest.js"), ...args], {
    cwd: root,
    stdio: ["inherit", "ignore", "inherit"],
    env: { NODE_OPTIONS: "--experimental-vm-modules --disable-warning=ExperimentalWarning" },
    reject: false,
  });
  return exitCode ?? 1;
}
