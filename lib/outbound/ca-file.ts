// Authorities that stand in a file, and change there while the process runs.
import { readFileSync, statSync } from "node:fs";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";

/**
 * What the file holds, as a function to ask for each new connection: it looks whether the file changed, and reads it then. Throws an Error
 * at once when there is no certificate in it; later a file that is away, or is being written, leaves the last good content in use.
 */
export function caFile(path: string): () => string {
  let last = read(path);
  return () => {
    try {
      if (stampOf(path) !== last.stamp) last = read(path);
    } catch {
      // Looked at again for the next connection.
    }
    return last.pem;
  };
}

/** Differs when the file was written, or replaced by another (which is how a ConfigMap in a pod changes). */
function stampOf(path: string): string {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
  return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}

/** The stamp is from before: what is written meanwhile has another, and is read again. */
function read(path: string): { readonly pem: string; readonly stamp: string } {
  let pem: string;
  let stamp: string;
  try {
    stamp = stampOf(path);
    pem = readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (!pem.includes(CERTIFICATE)) throw new Error(`${path} holds no certificate in PEM form`);
  return { pem, stamp };
}
