// What each process of Drover holds: its own credential and no administrator's; a proxy has connections to the hub, and those that others
// opened to it, and no more.
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { state } from "../harness/state.ts";

const ours = Object.entries(state().processes).filter(([name]) => /^(operator|auth|proxy|agent):/.test(name));
const administrators = [state().hub.adminKubeconfig, ...Object.values(state().clusters).map(({ adminKubeconfig }) => adminKubeconfig)];

/** What makes an administrator: the keys and tokens in the kubeconfigs, wherever they might have been copied. */
const credentials = administrators.flatMap((path) =>
  [...readFileSync(path, "utf8").matchAll(/"?(?:client-key-data|token)"?:\s*"?([^\s"]{20,})/g)].flatMap(([, value = ""]) => [
    value,
    Buffer.from(value, "base64").toString("utf8"),
  ]),
);

test("the administrators' kubeconfigs hold credentials to look for", () => {
  expect(credentials.length).toBeGreaterThanOrEqual(administrators.length);
});

test.each(ours)("%s reaches no administrator's credential by its arguments, environment, configuration or open files", (_name, { pid }) => {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
  const open = descriptors(pid).filter((target) => target.startsWith("/"));
  const words = [...read("cmdline").split("\0"), ...read("environ").split(/[\0=]/)];
  const reachable = new Set([...open, ...words.flatMap((word) => filesFrom(word))]);
  expect([...reachable].filter((path) => administrators.includes(path))).toEqual([]);
  const texts = [read("cmdline"), read("environ"), ...[...reachable].filter(isSmallFile).map((path) => readFileSync(path, "utf8"))];
  for (const credential of credentials) expect(texts.some((text) => text.includes(credential))).toBe(false);
});

test.each(ours.filter(([name]) => name.startsWith("proxy:")))("%s dials nothing but the hub's API server", (_name, { pid }) => {
  const hubPort = Number(new URL(/server"?:\s*"?([^\s"]+)/.exec(readFileSync(state().hub.adminKubeconfig, "utf8"))?.[1] ?? "").port);
  const own = sockets(pid);
  const listening = new Set(own.filter(({ listens }) => listens).map(({ localPort }) => localPort));
  expect(listening.size).toBeGreaterThan(0);
  const dialled = own.filter(({ listens, localPort }) => !listens && !listening.has(localPort));
  expect(dialled.length).toBeGreaterThan(0);
  expect([...new Set(dialled.map(({ remotePort }) => remotePort))]).toEqual([hubPort]);
});

/** The file that a word of the command line names, and those that it names itself if it is JSON: configurations, kubeconfigs, tokens. */
function filesFrom(word: string, depth = 0): string[] {
  if (!word.startsWith("/") || !isSmallFile(word) || depth > 3) return [];
  const inside = readFileSync(word, "utf8").match(/\/[\w./-]+/g) ?? [];
  return [word, ...(/\.(json|yaml|kubeconfig|conf)$/.test(word) ? inside.flatMap((path) => filesFrom(path, depth + 1)) : [])];
}

function isSmallFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile() && statSync(path).size < 1_000_000;
}

function descriptors(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
}

/** TCP sockets of a process, from the kernel's tables. */
function sockets(pid: number): { localPort: number; remotePort: number; listens: boolean }[] {
  const inodes = new Set(descriptors(pid).map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]));
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => inodes.has(columns[9]))
      .map((columns) => ({ localPort: port(columns[1]), remotePort: port(columns[2]), listens: columns[3] === "0A" })),
  );
}

const port = (address = ""): number => Number.parseInt(address.split(":")[1] ?? "0", 16);
