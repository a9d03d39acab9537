import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readlink, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Writes a file that only its owner may read, as a whole or not at all: a reader sees the old content or the new, never a part.
 * A symbolic link stays one.
 */
export const writePrivate = (path: string, content: string): Promise<void> => replace(path, content, () => 0o600);

/** The same for a file of the user's own: its mode and its owner stay as they are; a new one is private. Returns the mode. */
export async function rewrite(path: string, content: string): Promise<number> {
  let mode = 0o600;
  await replace(path, content, (before) => {
    mode = before ?? mode;
    return mode;
  });
  return mode;
}

async function replace(path: string, content: string, modeFor: (before: number | undefined) => number): Promise<void> {
  const target = await followed(path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const before = await stat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  const mode = modeFor(before === undefined ? undefined : before.mode & 0o777);
  const beside = `${target}.${randomBytes(6).toString("hex")}`;
  const file = await open(beside, "wx", 0o600);
  try {
    await file.writeFile(content);
    // For example as root in the home directory of another user.
    if (before !== undefined && (before.uid !== process.getuid?.() || before.gid !== process.getgid?.()))
      await file.chown(before.uid, before.gid);
    await file.chmod(mode);
    await file.sync();
    await file.close();
    await rename(beside, target);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(beside, { force: true });
    // A file that is mounted by itself, as in a container, cannot be replaced, only written.
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    await writeFile(target, content);
    await chmod(target, mode);
  }
}

/** What a symbolic link leads to, also when that is not there yet. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // Links that lead in a circle, for one.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const next = await readlink(path).catch(() => undefined);
    return next === undefined ? path : await followed(resolve(dirname(path), next));
  }
}
