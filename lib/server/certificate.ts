// The serving certificate. It is read again while the process runs, so that a renewed certificate needs no restart.
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { createSecureContext } from "node:tls";
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

export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
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

/** Reloads the certificate until the signal aborts. While the two files do not belong together, the certificate in use stays. */
export async function reloadCertificate({ files, current, use, log, signal, everyMs = RELOAD_EVERY_MS }: ReloadOptions): Promise<void> {
  let used = current;
  for (;;) {
    await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const now = await readCertificate(files);
      if (now.cert === used.cert && now.key === used.key) continue;
      createSecureContext(now); // throws when they do not belong together
      use(now);
      used = now;
      log.info("certificate renewed");
    } catch (error) {
      log.warn("certificate not renewed", { error: (error as Error).message });
    }
  }
}
