// The frame of every process, seen from outside: exit codes, output, signals.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";

// Generous: what is waited for usually takes milliseconds, but a busy machine may take its time.
jest.setTimeout(120_000);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-run-"));
  await writeFile(join(directory, "config.json"), '{"how": "wait"}');
});
afterAll(() => rm(directory, { recursive: true }));

/** A process whose configuration says how it is to behave. */
const PROGRAM = `
import { defineConfig } from "${import.meta.dirname}/config.ts";
import { runProcess } from "${import.meta.dirname}/run.ts";

const definition = defineConfig({ type: "object", properties: { how: { type: "string" } } });
await runProcess("sample", async ({ config, log, signal }) => {
  if (config.how === "fail") throw new Error("it broke");
  if (config.how === "stray") Promise.reject(new Error("nobody waited"));
  if (config.how === "return") return;
  log.info("waiting");
  const keep = setInterval(() => {}, 1000);
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  if (config.how === "hang") await new Promise(() => {});
  clearInterval(keep);
}, definition);
`;

function start(...args: string[]): { child: ChildProcess; out: () => string; err: () => string; ended: Promise<number | null> } {
  const text = { out: "", err: "" };
  const child = spawn(process.execPath, [join(directory, "main.ts"), ...args], { stdio: ["ignore", "pipe", "pipe"], env: {} });
  child.stdout?.on("data", (chunk) => {
    text.out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    text.err += chunk;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, out: () => text.out, err: () => text.err, ended };
}

async function withConfig(config: object) {
  await writeFile(join(directory, "main.ts"), PROGRAM);
  const path = join(directory, `${JSON.stringify(config).replaceAll(/\W/g, "")}.json`);
  await writeFile(path, JSON.stringify(config));
  return start("--config", path);
}
/** Resolves once the process has logged that it waits. */
async function waiting({ child, out }: ReturnType<typeof start>): Promise<void> {
  while (!out().includes('"message":"waiting"')) await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
}
const messages = (out: string): string[] =>
  out
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { message: string }).message);

test("a signal ends main, and a process whose main then returns ends with 0", async () => {
  const process = await withConfig({ how: "wait" });
  await waiting(process);
  process.child.kill("SIGTERM");
  expect(await process.ended).toBe(0);
  expect(messages(process.out())).toEqual(["starting", "waiting", "stopping", "stopped"]);
  expect(process.err()).toBe("");
});

test("a second signal does not wait for main", async () => {
  const process = await withConfig({ how: "hang" });
  await waiting(process);
  process.child.kill("SIGINT");
  while (!process.out().includes('"message":"stopping"')) await once(process.child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
  process.child.kill("SIGINT");
  expect(await process.ended).toBe(1);
});

test("a main that fails, and a rejection that nobody waits for, are logged in one line and end the process with 1", async () => {
  for (const [how, message] of [
    ["fail", "it broke"],
    ["stray", "nobody waited"],
  ]) {
    const process = await withConfig({ how });
    expect(await process.ended).toBe(1);
    const last = JSON.parse(process.out().trim().split("\n").at(-1) ?? "") as { level: string; error: string };
    expect(last.level).toBe("error");
    expect(last.error).toContain(message);
  }
});

test("a configuration that cannot be used is one line on standard error and exit code 2", async () => {
  for (const [args, message] of [
    [[], "sample: --config FILE is needed\n"],
    [["--config", "/nowhere.json"], "sample: /nowhere.json: no such file\n"],
    [["--colour"], "sample: Unknown option '--colour'"],
    [["extra"], "sample: Unexpected argument 'extra'"],
  ] as const) {
    await writeFile(join(directory, "main.ts"), PROGRAM);
    const process = start(...args);
    expect(await process.ended).toBe(2);
    expect(process.err()).toContain(message);
    expect(process.err().trim().split("\n")).toHaveLength(1);
    expect(process.out()).toBe("");
  }
  const unknown = await withConfig({ what: "x" });
  expect(await unknown.ended).toBe(2);
  expect(unknown.err()).toContain('unknown key "what"');
});
