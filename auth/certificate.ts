import { readFile } from "node:fs/promises";
import type { Server } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import type { AuthConfig } from "./config.ts";

const LOOK_AGAIN_MS = 60_000;

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export async function readCertificate({ certFile, keyFile }: AuthConfig["tls"]): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
}

interface Log {
  info(message: string): unknown;
  warn(message: string, fields: object): unknown;
}

/** Takes a renewed certificate into use without a restart; while the files do not fit together the old one stays. */
export async function followCertificate(
  server: Server,
  tls: AuthConfig["tls"],
  before: Certificate,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let current = before;
  while (!signal.aborted) {
    await pause(LOOK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const now = await readCertificate(tls);
      if (now.cert === current.cert && now.key === current.key) continue;
      server.setSecureContext({ ...now, minVersion: "TLSv1.2" });
      current = now;
      log.info("certificate renewed");
    } catch (error) {
      log.warn("certificate not renewed", { error: (error as Error).message });
    }
  }
}
