// The files of a kubeconfig, chosen and locked as kubectl does (client-go's clientcmd), so that the two do not overwrite each other.
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CliError, EXIT } from "../failure.ts";
import { rewrite } from "../private-file.ts";
import { EMPTY, type Kubeconfig } from "./entries.ts";
import { parseYAML, renderKubeconfig } from "./yaml.ts";

export interface Sources {
  /** In the order of their precedence; some may not exist. */
  readonly paths: readonly string[];
  /** Which of them gets new entries. */
  readonly target: number;
}

/** `named`, otherwise those of $KUBECONFIG, otherwise ~/.kube/config. New entries go to the first that exists, or to the last. */
export function kubeconfigSources(named?: string): Sources {
  if (named !== undefined) return { paths: [named], target: 0 };
  const paths = [...new Set((process.env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== ""))];
  if (paths.length === 0) return { paths: [join(homedir(), ".kube", "config")], target: 0 };
  const existing = paths.findIndex((path) => existsSync(path));
  return { paths, target: existing < 0 ? paths.length - 1 : existing };
}

/**
 * Writes those files that the change makes others of. Gives the paths of written files that not only their owner may read.
 * `change` is asked twice, because nothing is locked when there is nothing to write.
 */
export async function changeKubeconfig(
  { paths }: Sources,
  change: (files: readonly Kubeconfig[]) => readonly Kubeconfig[],
): Promise<readonly string[]> {
  if ((await outdated(paths, change)).length === 0) return [];
  return await locked([...paths].sort(), async () => {
    const open: string[] = [];
    for (const { path, content } of await outdated(paths, change)) {
      const mode = await rewrite(path, content).catch((error: Error) => {
        throw new CliError(EXIT.failed, `${path} cannot be written: ${error.message}`);
      });
      if ((mode & 0o077) !== 0) open.push(path);
    }
    return open;
  });
}

async function outdated(
  paths: readonly string[],
  change: (files: readonly Kubeconfig[]) => readonly Kubeconfig[],
): Promise<readonly { readonly path: string; readonly content: string }[]> {
  const before = await Promise.all(paths.map(readKubeconfig));
  return change(before).flatMap((after, index) => {
    const content = renderKubeconfig(after);
    return content === renderKubeconfig(before[index] ?? EMPTY) ? [] : [{ path: paths[index] ?? "", content }];
  });
}

async function readKubeconfig(path: string): Promise<Kubeconfig> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new CliError(EXIT.failed, `${path} cannot be read: ${error.message}`);
  });
  let config: unknown;
  try {
    config = parseYAML(text);
  } catch (error) {
    const why = (error as Error).message.split("\n")[0];
    throw new CliError(EXIT.failed, `${path} is not YAML (${why}); correct it, or name another file with --kubeconfig`);
  }
  if (!isKubeconfig(config)) throw new CliError(EXIT.failed, `${path} is no kubeconfig; name another with --kubeconfig`);
  return config;
}

function isKubeconfig(value: unknown): value is Kubeconfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { clusters, contexts, users } = value as Record<string, unknown>;
  const isEntry = (entry: unknown): boolean => typeof entry === "object" && entry !== null && "name" in entry;
  return [clusters, contexts, users].every((list) => (list ?? null) === null || (Array.isArray(list) && list.every(isEntry)));
}

const LOCK_TRIES = 50;

/** Holds `<path>.lock` of each while it works. In one order, or two at once would wait for each other for good. */
async function locked<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
  const [path, ...others] = paths;
  if (path === undefined) return work();
  const lock = `${path}.lock`;
  await take(path, lock);
  try {
    return await locked(others, work);
  } finally {
    await rm(lock, { force: true });
  }
}

async function take(path: string, lock: string): Promise<void> {
  for (let left = LOCK_TRIES; ; left--) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await (await open(lock, "wx", 0o600)).close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new CliError(EXIT.failed, `${path} cannot be written: ${(error as Error).message}`);
      if (left === 0) throw new CliError(EXIT.failed, `${lock} is held by another program; if none runs, delete it`);
      await pause(100);
    }
  }
}
