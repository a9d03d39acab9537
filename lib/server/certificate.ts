// The serving certificate. It is read again while the process runs, so that a renewed certificate needs no restart.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { Log } from "../kube/log.ts";

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const RELOAD_EVERY_MS = 60_000;

/**
 * Throws an Error when a file holds nothing usable, or the two do not belong together. A file may be read while it is being written, and TLS
 * would accept an empty one: as no certificate at all.
 */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  const certificate = parse(certFile, () => new X509Certificate(cert));
  const privateKey = parse(keyFile, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error(`the key in ${keyFile} does not belong to the certificate in ${certFile}`);
  return { cert, key };
}

/** Errors name the file, and repeat nothing of it. */
function parse<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new Error(`${file} cannot be read as PEM`);
  }
}

export interface ReloadOptions {
  readonly files: CertificateFiles;
  /** The certificate in use. */
  readonly current: Certificate;
  /** Takes a renewed certificate into use. */
  readonly use: (renewed: Certificate) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly everyMs?: number;
}

/** Reloads the certificate until the signal aborts. While the files cannot be used, the certificate in use stays. */
export async function reloadCertificate({ files, current, use, log, signal, everyMs = RELOAD_EVERY_MS }: ReloadOptions): Promise<void> {
  let used = current;
  for (;;) {
    await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const now = await readCertificate(files);
      if (now.cert === used.cert && now.key === used.key) continue;
      use(now);
      used = now;
      log.info("certificate renewed");
    } catch (error) {
      log.warn("certificate not renewed", { error: (error as Error).message });
    }
  }
}
