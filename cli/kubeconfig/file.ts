// The kubeconfig that the CLI writes to, changed under kubectl's own lock so that both do not overwrite each other.
import { open, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { dump, load } from "js-yaml";
import { CliError, EXIT } from "../failure.ts";
import { writePrivate } from "../private-file.ts";
import { EMPTY, type Kubeconfig } from "./entries.ts";

/** Of several files in $KUBECONFIG the first. */
export const defaultKubeconfig = (): string =>
  (process.env.KUBECONFIG ?? "").split(delimiter).find((path) => path !== "") ?? join(homedir(), ".kube", "config");

export const renderKubeconfig = (config: Kubeconfig): string => dump(config, { lineWidth: -1, noRefs: true });

export async function changeKubeconfig(path: string, change: (config: Kubeconfig) => Kubeconfig): Promise<void> {
  const before = await readKubeconfig(path);
  if (renderKubeconfig(change(before)) === renderKubeconfig(before)) return;
  await locked(path, async () => writePrivate(path, renderKubeconfig(change(await readKubeconfig(path)))));
}

async function readKubeconfig(path: string): Promise<Kubeconfig> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new CliError(EXIT.failed, `${path} cannot be read: ${error.message}`);
  });
  let config: unknown;
  try {
    config = text.trim() === "" ? EMPTY : load(text);
  } catch (error) {
    throw new CliError(
      EXIT.failed,
      `${path} is not YAML (${(error as Error).message.split("\n")[0]}); mend it, or name another with --kubeconfig`,
    );
  }
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw new CliError(EXIT.failed, `${path} is no kubeconfig; name another with --kubeconfig`);
  return config as Kubeconfig;
}

const LOCK_TRIES = 50;

async function locked(path: string, work: () => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  for (let left = LOCK_TRIES; ; left--) {
    try {
      await (await open(lock, "wx", 0o600)).close();
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // No folder yet, so nobody else is at work in it; writing makes it.
      if (code === "ENOENT") return work();
      if (code !== "EEXIST") throw new CliError(EXIT.failed, `${path} cannot be written: ${(error as Error).message}`);
      if (left === 0) throw new CliError(EXIT.failed, `${lock} is held by another program; if none runs, delete it`);
      await pause(100);
    }
  }
  try {
    await work();
  } finally {
    await rm(lock, { force: true });
  }
}
