import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { until } from "../test/until.ts";
import { mustRun, runCommand, startCommand } from "./command.ts";

const env = { PATH: "/usr/bin:/bin" };
const sh = (script: string): [string, string[]] => ["/bin/sh", ["-c", script]];

test("output comes byte for byte, with the exit code, and input that nobody reads is no failure", async () => {
  const result = await runCommand(...sh("echo out; echo err >&2; exit 7"), { env, input: "x".repeat(1_000_000) });
  expect(result).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
});

test("the environment is exactly the one given", async () => {
  process.env.DROVER_TEST_SECRET = "inherited";
  try {
    expect((await runCommand("/usr/bin/env", [], { env: { ONLY: "this" } })).stdout).toBe("ONLY=this\n");
  } finally {
    delete process.env.DROVER_TEST_SECRET;
  }
});

test("a program that takes too long is killed and has the code -1", async () => {
  expect((await runCommand(...sh("trap '' TERM; echo begun; while :; do sleep 1; done"), { env, timeoutMs: 300 })).code).toBe(-1);
});

test("an abort ends the program and rejects with the reason; a program that is not there rejects", async () => {
  const directory = await mkdtemp(join(tmpdir(), "drover-command-"));
  try {
    const stop = new AbortController();
    // It has a child of its own, which goes on.
    const script = `(touch begun; while [ -d "${directory}" ]; do sleep 0.1; done) & wait`;
    const running = runCommand(...sh(script), { env, cwd: directory, signal: stop.signal });
    await until(() => existsSync(join(directory, "begun")), "the program runs");
    stop.abort(new Error("interrupted"));
    await expect(running).rejects.toThrow("interrupted");
  } finally {
    await rm(directory, { recursive: true });
  }
  await expect(runCommand("/nowhere/program", [], { env })).rejects.toThrow("ENOENT");
  await expect(mustRun(...sh("echo the reason >&2; exit 3"), { env })).rejects.toThrow(/ended with code 3:\nthe reason/);
});

test("a program in the background is read while it runs, and ends when it is stopped", async () => {
  const command = startCommand(...sh("echo first; while :; do sleep 1; done"), { env });
  await until(() => command.stdout() === "first\n", "the first line");
  expect(command.hasEnded()).toBe(false);
  await command.stop();
  expect(command.hasEnded()).toBe(true);
  expect(await command.result).toEqual({ code: -1, stdout: "first\n", stderr: "" });
});
