// Certificate authorities in a file that may change while the process runs.
import { readFileSync, statSync } from "node:fs";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";

/**
 * Returns a function that gives the content of the file, to be called for each new connection. It reads the file again when it has changed.
 * Throws an Error at once when the file has no certificate. Later, while the file is missing or half written, the last good content stays in use.
 */
export function caFile(path: string): () => string {
  let last = read(path);
  return () => {
    try {
      if (stampOf(path) !== last.stamp) last = read(path);
    } catch {
      // The next connection tries again.
    }
    return last.pem;
  };
}

/** Differs after the file was written, or replaced by another file (as the kubelet does for a ConfigMap in a pod). */
function stampOf(path: string): string {
  const { mtimeNs, ctimeNs, size, ino } = statSync(path, { bigint: true });
  return `${mtimeNs} ${ctimeNs} ${size} ${ino}`;
}

/** The stamp is taken before reading: content written in between has another stamp, and is read again. */
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
