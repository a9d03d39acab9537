// Sums jest's JSON results into the last line of a run: node tools/count.ts <failures elsewhere> <exit code of the tests>
import { readResults } from "./results.ts";

const [elsewhere = 0, exitCode = 0] = process.argv.slice(2).map(Number);
const { passed, failed } = await readResults();
// Tests that ended badly without one failed test to show for it (a crash, a time limit) still count as a failure.
const unseen = exitCode !== 0 && failed === 0 ? 1 : 0;
// No test at all is never a success.
const none = passed === 0 && failed + unseen === 0 ? 1 : 0;
console.log(`${passed} passed, ${failed + elsewhere + unseen + none} failed`);
