// make bench-against BASE=<commit>: this checkout and another commit, each with an environment of its own, measured by turns in one run:
// requests alternate in short stretches, so that a busy machine disturbs both alike. Needs a base whose state.json the measuring code of this
// checkout can read.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execaSync } from "execa";
import { type AccessTimes, measureAccess } from "./access.ts";
import { table } from "./report.ts";
import { measureByTurns, prepareRequests, type RequestSite, type RequestTimes, type Schedule } from "./requests.ts";
import { median, round } from "./statistics.ts";

const TURNS = 5;
const GRANTS_PER_TURN = 30;
/** Of the requests, within each turn. */
const STRETCHES: Schedule = { turns: 4, loadMs: 2_500, singleRequests: 200 };

interface Side {
  readonly name: string;
  readonly checkout: string;
  readonly environment: string;
  readonly turns: Turn[];
}

interface Turn {
  readonly access: AccessTimes;
  readonly requests: RequestTimes;
}

const here = join(import.meta.dirname, "..");
const base = process.env.BASE;
if (!base) throw new Error("name the commit to compare with: make bench-against BASE=<commit>");

const scratch = mkdtempSync(join(tmpdir(), "drover-bench-"));
const side = (name: string, checkout: string): Side => ({ name, checkout, environment: join(scratch, name), turns: [] });
const sides = [side("base", join(scratch, "checkout")), side("this", here)];

try {
  console.error(`building ${base} …`);
  run("git", ["worktree", "add", "--detach", join(scratch, "checkout"), base], here);
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], join(scratch, "checkout"));
  for (const { checkout, environment, name } of sides) {
    console.error(`bringing up an environment of ${name} …`);
    mkdirSync(join(environment, "e2e", "home"), { recursive: true });
    run("tools/node", ["tools/build.ts"], checkout);
    dev({ checkout, environment }, "up", "--clusters", "east", "--proxies", "1");
  }
  // Prepared once; they end with their environments.
  const requestSites: RequestSite[] = [];
  for (const one of sides) requestSites.push(await within(one, prepareRequests));
  for (let i = 1; i <= TURNS; i++) {
    console.error(`turn ${i} of ${TURNS} …`);
    const access: AccessTimes[] = [];
    for (const one of sides) access.push(await within(one, () => measureAccess(GRANTS_PER_TURN)));
    const requests = await measureByTurns(requestSites, STRETCHES);
    sides.forEach(
      ({ turns }, index) => void turns.push({ access: access[index] as AccessTimes, requests: requests[index] as RequestTimes }),
    );
  }
  process.stdout.write(`${comparison(sides)}\n`);
} finally {
  for (const one of sides) {
    try {
      dev(one, "down");
    } catch (error) {
      console.error(`${one.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  run("git", ["worktree", "remove", "--force", join(scratch, "checkout")], here);
  rmSync(scratch, { recursive: true, force: true });
}

/** The stories' harness, which measuring uses, works in the environment that this variable names. */
function within<T>({ environment }: Side, measure: () => Promise<T>): Promise<T> {
  process.env.DROVER_E2E_DIR = environment;
  return measure();
}

function run(program: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): void {
  execaSync(program, args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] });
}

/** As the stories of that checkout bring an environment up: what the command is called may differ between the two. */
function dev({ checkout, environment }: Pick<Side, "checkout" | "environment">, ...args: string[]): void {
  const call = `const { dev } = await import("./e2e/harness/command.ts"); await dev(...${JSON.stringify(args)});`;
  run("tools/node", ["--input-type=module", "-e", call], checkout, { DROVER_E2E_DIR: environment });
}

/** Medians of all turns, and between which values the turns were: what lies within that is noise. */
function comparison([before, after]: readonly Side[]): string {
  const rows: readonly [string, (turn: Turn) => number][] = [
    ["grant → first 200, p50, ms", ({ access }) => access.grant.p50],
    ["grant → first 200, p95, ms", ({ access }) => access.grant.p95],
    ["revoke → first 403, p50, ms", ({ access }) => access.revoke.p50],
    ["revoke → first 403, p95, ms", ({ access }) => access.revoke.p95],
    ["requests/s, share of direct", ({ requests }) => requests.tunnel.requestsPerSecond / requests.direct.requestsPerSecond],
    ["one connection, p50, ms over direct", ({ requests }) => requests.tunnel.p50ms - requests.direct.p50ms],
    ["one connection, p99, ms over direct", ({ requests }) => requests.tunnel.p99ms - requests.direct.p99ms],
    ["CPU of the proxy, share of a direct request's", (turn) => cpuShare(turn, "proxy:0")],
    ["CPU of the agent, share of a direct request's", (turn) => cpuShare(turn, "agent:east")],
  ];
  const head = ["", "base", "turns", "this", "turns", "this / base"];
  const lines = rows.map(([name, of]) => {
    const [was, is] = [before, after].map((one) => (one?.turns ?? []).map(of)) as [number[], number[]];
    return [
      name,
      String(round(median(was), 2)),
      range(was),
      String(round(median(is), 2)),
      range(is),
      `× ${round(median(is) / median(was), 2)}`,
    ];
  });
  return table(`${TURNS} turns each, by turns`, head, lines);
}

/** Of what the API server itself spends on the same request made directly. */
function cpuShare({ requests }: Turn, process: string): number {
  const direct = requests.direct.cpuMicrosPerRequest["apiserver:east"] ?? Number.NaN;
  return (requests.tunnel.cpuMicrosPerRequest[process] ?? Number.NaN) / direct;
}

function range(values: readonly number[]): string {
  return `${round(Math.min(...values), 2)}–${round(Math.max(...values), 2)}`;
}
