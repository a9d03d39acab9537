import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes a file that only its owner may read, as a whole or not at all: a reader sees the old content or the new, never a part.
 * A symbolic link stays one.
 */
export async function writePrivate(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await realpath(path).catch(() => path);
  const beside = `${target}.${randomBytes(6).toString("hex")}`;
  const file = await open(beside, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
    await file.close();
    await chmod(beside, 0o600);
    await rename(beside, target);
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(beside, { force: true });
    throw error;
  }
}
