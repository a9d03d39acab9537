// Where test results lie, and how they are counted.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");
export const resultsDirectory = join(root, ".drover", "results");

/** The part of jest's --json output that is read here. */
interface JestResults {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Files that could not even be loaded; their tests are in no other count. */
  readonly numRuntimeErrorTestSuites: number;
}

/** Passed and failed tests over all result files of the last run; a test file that could not run is one failure. */
export async function readResults(): Promise<{ passed: number; failed: number }> {
  const files = await readdir(resultsDirectory).catch(() => []);
  const results = await Promise.all(
    files
      .filter((file) => file.endsWith(".json"))
      .map(async (file) => JSON.parse(await readFile(join(resultsDirectory, file), "utf8")) as JestResults),
  );
  return {
    passed: results.reduce((sum, r) => sum + r.numPassedTests, 0),
    failed: results.reduce((sum, r) => sum + r.numFailedTests + r.numRuntimeErrorTestSuites, 0),
  };
}
