import { spawn } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { tryLock, withLock } from "./lock.ts";
import { isAlive, type ProcessSpec, startProcess, stopProcess, waitForEnd, waitUntilReady } from "./process.ts";
import { repositoryRoot } from "./root.ts";

jest.setTimeout(120_000);

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "drover-process-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const sh = (script: string): ProcessSpec => ({
  command: "/bin/sh",
  args: ["-c", script],
  env: { PATH: "/usr/bin:/bin" },
  cwd: directory,
  log: join(directory, "log"),
});

test("stopping ends the process, its children, and one that ignores SIGTERM", async () => {
  const running = await startProcess(sh("trap '' TERM; sleep 1000 & wait; sleep 1000"));
  expect(isAlive(running)).toBe(true);
  await stopProcess(running, 200);
  expect(isAlive(running)).toBe(false);
});

test("a later process with the same pid is not taken for the one that was started", async () => {
  const running = await startProcess(sh("sleep 1000"));
  expect(isAlive({ ...running, started: "1" })).toBe(false);
  await stopProcess({ ...running, started: "1" }, 0);
  expect(isAlive(running)).toBe(true);
  await stopProcess(running, 0);
});

test("a process that ends before it is ready is reported with the end of its log", async () => {
  const spec = sh("echo the reason; exit 3");
  const running = await startProcess(spec);
  const waiting = waitUntilReady("thing", { running, log: spec.log }, () => Promise.resolve(false), { limitMs: 10_000 });
  await expect(waiting).rejects.toThrow(/thing ended before it was ready[\s\S]*the reason/);
});

test("a started process holds its log and /dev/null open and nothing of its starter's, also of high numbers", async () => {
  // bash leaves descriptor 77 open for what it runs, as make and CI runners do.
  const script = `
    import { startProcess } from "${repositoryRoot()}/controlplane/process.ts";
    const running = await startProcess({ command: "/bin/sleep", args: ["1000"], env: {}, cwd: "/", log: "${directory}/log" });
    console.log(JSON.stringify(running));`;
  const child = spawn("bash", [
    "-c",
    'exec 77<"$1"; exec "$2" --input-type=module -e "$3"',
    "bash",
    "/etc/hostname",
    process.execPath,
    script,
  ]);
  let text = "";
  child.stdout.on("data", (part: Buffer) => {
    text += part.toString();
  });
  await new Promise((resolve) => child.on("close", resolve));
  const running = JSON.parse(text) as { pid: number; started: string };
  expect(isAlive(running)).toBe(true);
  const open = readdirSync(`/proc/${running.pid}/fd`).map((fd) => readlinkSync(`/proc/${running.pid}/fd/${fd}`));
  await stopProcess(running, 0);
  expect(open.sort()).toEqual(["/dev/null", join(directory, "log"), join(directory, "log")].sort());
});

test("what the process cleanup watches is killed when the process that started it ends, in whatever way", async () => {
  const script = `
    import { startProcess } from "${repositoryRoot()}/controlplane/process.ts";
    import { startProcessCleanup } from "${repositoryRoot()}/controlplane/process-cleanup.ts";
    const cleanup = startProcessCleanup();
    const running = await startProcess({ command: "/bin/sleep", args: ["1000"], env: {}, cwd: "/", log: "${directory}/log" }, cleanup.mark);
    console.log(JSON.stringify(running));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  const running = await new Promise<{ pid: number; started: string }>((resolve) =>
    child.stdout.on("data", (part: Buffer) => resolve(JSON.parse(part.toString()))),
  );
  expect(isAlive(running)).toBe(true);
  child.kill("SIGKILL");
  expect(await waitForEnd(running, 20_000)).toBe(true);
});

test("a lock is held by one at a time, and free again when its holder is killed", async () => {
  const name = `test ${directory}`;
  const script = `
    import { tryLock } from "${repositoryRoot()}/controlplane/lock.ts";
    console.log((await tryLock("${name}")) !== undefined);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  const took = await new Promise<string>((resolve) => child.stdout.on("data", (part: Buffer) => resolve(part.toString().trim())));
  expect(took).toBe("true");
  expect(await tryLock(name)).toBeUndefined();
  let waited = false;
  const work = withLock(
    name,
    () => Promise.resolve("done"),
    () => {
      waited = true;
      child.kill("SIGKILL");
    },
  );
  expect(await work).toBe("done");
  expect(waited).toBe(true);
});

test("work under one lock never overlaps", async () => {
  let inside = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    inside++;
    most = Math.max(most, inside);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(`overlap ${directory}`, work)));
  expect(most).toBe(1);
});
