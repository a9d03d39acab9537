import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { type CommandResult, mustRun, runCommand } from "./command.ts";
import { repositoryRoot } from "./root.ts";

jest.setTimeout(120_000);

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "drover-cache-"));
});
afterEach(async () => {
  await rm(cache, { recursive: true, force: true });
});

const script = join(repositoryRoot(), "controlplane/main.ts");
/** What Go compiled before is reused: only Drover's own cache is empty. */
const environment = async (): Promise<Record<string, string>> => {
  const variables = await mustRun("go", ["env", "GOCACHE", "GOMODCACHE"], { env: process.env });
  const [GOCACHE = "", GOMODCACHE = ""] = variables.trim().split("\n");
  return { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? cache, XDG_CACHE_HOME: cache, GOCACHE, GOMODCACHE };
};
const build = async (): Promise<CommandResult> => runCommand(process.execPath, [script, "kwok"], { env: await environment() });

test("two builds at once give one result, and a third finds it", async () => {
  const [one, other] = await Promise.all([build(), build()]);
  expect([one.code, other.code]).toEqual([0, 0]);
  expect(one.stdout).toBe(other.stdout);
  // One of them built; the other one waited for it.
  expect([one, other].filter(({ stderr }) => stderr.includes("another process is building it"))).toHaveLength(1);
  expect((await readdir(join(cache, "drover/kwok"))).length).toBe(1);
  const again = await build();
  expect(again).toEqual({ code: 0, stdout: one.stdout, stderr: "" });
  expect((await readdir(one.stdout.trim())).sort()).toEqual(["kwok", "stages.yaml"]);
}, 600_000);

test("a build that is killed neither holds up the next one nor leaves anything in the cache", async () => {
  const env = await environment();
  const first = spawn(process.execPath, [script, "kwok"], { env, detached: true, stdio: "ignore" });
  const gone = new Promise<void>((resolve) => first.on("close", () => resolve()));
  for (;;) {
    if ((await readdir(join(cache, "drover/kwok")).catch(() => [])).length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.kill(-(first.pid ?? 0), "SIGKILL");
  await gone;
  const next = await build();
  expect(next.code).toBe(0);
  expect(await readdir(join(cache, "drover/kwok"))).toEqual([basename(next.stdout.trim())]);
}, 600_000);

test("without Go, and with an old one, the build says in one line what to install", async () => {
  const bin = join(cache, "bin");
  const env = { PATH: bin, HOME: cache, XDG_CACHE_HOME: cache };
  const missing = await runCommand(process.execPath, [script], { env });
  expect(missing.code).toBe(1);
  expect(missing.stderr).toMatch(/^drover: [^\n]*there is none: install Go 1\.26 or newer[^\n]*\n$/);
  await mkdir(bin);
  await writeFile(join(bin, "go"), "#!/bin/sh\necho go version go1.19.8 linux/amd64\n");
  await chmod(join(bin, "go"), 0o755);
  const old = await runCommand(process.execPath, [script], { env });
  expect(old.code).toBe(1);
  expect(old.stderr).toMatch(/^drover: [^\n]*newer Go than the one here \(go version go1\.19\.8[^\n]*install Go 1\.26 or newer[^\n]*\n$/);
});
