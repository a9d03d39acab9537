// The demo as users run it. All of its processes carry the mark of the run in their environment, by which leftovers are found.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { mustRun } from "../controlplane/command.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { until } from "../test/until.ts";

jest.setTimeout(120_000);

/** Of control planes that start, with room for a busy machine. */
const START_LIMIT_MS = 240_000;

let scratch: string;
let mark: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "drover-demo-test-"));
  mark = `DROVER_RUN_MARK=${scratch}`;
});
afterEach(async () => {
  for (const pid of processes()) process.kill(pid, "SIGKILL");
  await rm(scratch, { recursive: true, force: true });
});

const processes = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(mark);
      } catch {
        return false;
      }
    });

interface Demo {
  output(): string;
  hasEnded(): boolean;
  ended: Promise<number | null>;
  interrupt(signal: NodeJS.Signals): void;
}

const start = (env: Record<string, string> = {}): Demo => {
  const child = spawn(join(repositoryRoot(), "bin/drover-dev"), ["demo"], {
    env: { ...process.env, TMPDIR: scratch, DROVER_RUN_MARK: scratch, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  let text = "";
  let over = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (part: Buffer) => {
      text += part.toString();
    });
  }
  return {
    output: () => text,
    hasEnded: () => over,
    ended: new Promise((resolve) => {
      child.on("close", (code) => {
        over = true;
        resolve(code);
      });
    }),
    interrupt: (signal) => process.kill(-(child.pid ?? 0), signal),
  };
};

const nothingLeft = async (): Promise<void> => {
  await until(
    async () => {
      expect(processes()).toEqual([]);
      expect(await readdir(scratch)).toEqual([]);
      return true;
    },
    "nothing is left",
    20_000,
  );
};

test("the demo runs its story with real commands, ends with 0 and leaves no process and no file", async () => {
  const demo = start({ DEMO_ONCE: "1" });
  const code = await demo.ended;
  const output = demo.output();
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining("Forbidden") });
  // In this order.
  const moments = [
    /logged in as alice/,
    /\[exit code 1\]/,
    /alice-operates created/,
    /\[exit code 0, \d+ ms after/,
    /hello from a pod/,
    /\[exit code 3\]/,
    /\[still open\]/,
    /deleted/,
    /\[exit code 1, \d+ ms after/,
    /\[ended, exit code \d+, \d+ ms after the deletion\]/,
  ];
  let rest = output;
  for (const moment of moments) {
    expect(rest).toMatch(moment);
    rest = rest.slice(rest.search(moment) + 1);
  }
  await nothingLeft();
}, 600_000);

test("after its story it stays up, usable by hand as it says, until Ctrl-C", async () => {
  const demo = start();
  const commands = /By hand, in another terminal:\n(?<lines>(?: {2}.*\n){4})/;
  await until(() => demo.hasEnded() || commands.test(demo.output()), "the demo says what can be done by hand", START_LIMIT_MS);
  const byHand = commands.exec(demo.output())?.groups?.lines ?? "the demo ended";
  const stdout = await mustRun("bash", ["-euc", byHand], { cwd: repositoryRoot(), env: process.env });
  for (const said of [/^east\s.*True/m, /^\S+\s+Ready\s/m, /^agent:east\s+\d+/m]) expect(stdout).toMatch(said);
  expect(demo.hasEnded()).toBe(false);
  demo.interrupt("SIGINT");
  expect(await demo.ended).toBe(0);
  await nothingLeft();
}, 600_000);

test.each(["SIGINT", "SIGKILL"] as const)(
  "%s while it starts leaves nothing behind",
  async (signal) => {
    const demo = start({ DEMO_ONCE: "1" });
    await until(() => demo.hasEnded() || demo.output().includes("Control planes"), "control planes are being started", START_LIMIT_MS);
    // Half-way: some servers run, others are just being started.
    await until(() => demo.hasEnded() || processes().length >= 8, "some servers run", START_LIMIT_MS);
    expect(demo.hasEnded()).toBe(false);
    demo.interrupt(signal);
    expect(await demo.ended).not.toBe(0);
    await nothingLeft();
  },
  300_000,
);
