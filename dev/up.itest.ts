// Two environments side by side, as their users start them.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type CommandResult, runCommand } from "../controlplane/command.ts";
import { repositoryRoot } from "../controlplane/root.ts";
import { sendRequest } from "../lib/outbound/client.ts";
import type { State } from "./environment.ts";

jest.setTimeout(120_000);

const drover = (...args: string[]): Promise<CommandResult> =>
  runCommand(join(repositoryRoot(), "bin/drover-dev"), args, { env: { ...process.env } as Record<string, string> });

let scratch: string;
let one: string;
let other: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "drover-up-"));
  [one, other] = [join(scratch, "one"), join(scratch, "other")];
});
afterAll(async () => {
  for (const directory of [one, other]) await drover("down", "--dir", directory);
  await rm(scratch, { recursive: true, force: true });
}, 120_000);

const stateOf = async (directory: string): Promise<State> => JSON.parse(await readFile(join(directory, "state.json"), "utf8")) as State;
const up = (directory: string, ...more: string[]): Promise<CommandResult> =>
  drover("up", "--dir", directory, "--clusters", "east", "--nodes", "1", ...more);

test("two environments start at the same time and share no port, no process and no trust", async () => {
  const results = await Promise.all([up(one), up(other)]);
  expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
    { code: 0, stderr: "" },
    { code: 0, stderr: "" },
  ]);
  const [a, b] = [await stateOf(one), await stateOf(other)];
  expect(Object.keys(a.processes)).toEqual(Object.keys(b.processes));
  const pids = [a, b].flatMap(({ processes }) => Object.values(processes).map(({ pid }) => pid));
  expect(new Set(pids).size).toBe(pids.length);
  const [caOfA, caOfB] = [await readFile(a.proxy.ca, "utf8"), await readFile(b.proxy.ca, "utf8")];
  const url = `${b.auth.url}/.well-known/drover`;
  expect((await sendRequest(url, { ca: caOfB })).status).toBe(200);
  await expect(sendRequest(url, { ca: caOfA })).rejects.toThrow();
}, 600_000);

test("up on a running directory changes nothing, and completes what is missing", async () => {
  const before = await stateOf(one);
  expect(await up(one)).toMatchObject({ code: 0 });
  expect(await stateOf(one)).toEqual(before);

  expect(await drover("stop", "--dir", one, "agent:east")).toMatchObject({ code: 0 });
  expect((await stateOf(one)).processes["agent:east"]).toBeUndefined();
  expect(await drover("status", "--dir", one)).toMatchObject({ code: 1 });
  expect(await up(one, "--proxies", "2")).toMatchObject({ code: 0 });
  const after = await stateOf(one);
  expect(Object.keys(after.processes).sort()).toEqual([...Object.keys(before.processes), "proxy:1"].sort());
  expect(after.proxy.urls).toHaveLength(2);
  // What ran went on running.
  expect(after.processes["apiserver:hub"]).toEqual(before.processes["apiserver:hub"]);
  expect(await drover("status", "--dir", one)).toMatchObject({ code: 0 });
}, 600_000);

test("going down leaves no process, and up starts the same environment again with its data", async () => {
  const before = await stateOf(one);
  expect(await drover("down", "--dir", one)).toMatchObject({ code: 0 });
  expect((await stateOf(one)).processes).toEqual({});
  expect(await drover("status", "--dir", other)).toMatchObject({ code: 0 });
  expect(await up(one)).toMatchObject({ code: 0 });
  const after = await stateOf(one);
  expect({ ...after, processes: {} }).toEqual({ ...before, processes: {} });
  expect(Object.keys(after.processes)).toEqual(Object.keys(before.processes));
}, 600_000);

test("a process that does not exist, and a directory without an environment, are refused in one line", async () => {
  const wrong = await drover("restart", "--dir", one, "agent:north");
  expect(wrong).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^drover-dev: there is no process agent:north here; there are: [^\n]*agent:east[^\n]*\n$/),
  });
  const nowhere = await drover("status", "--dir", join(scratch, "nowhere"));
  expect(nowhere).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^drover-dev: [^\n]*holds no development environment; make one with: drover-dev up[^\n]*\n$/),
  });
});
