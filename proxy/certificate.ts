// The serving certificate, taken into use again when its files change.
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import type { Log } from "../lib/kube/log.ts";
import type { ProxyConfig } from "./config.ts";

const LOOK_AGAIN_MS = 60_000;

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export async function readCertificate({ certFile, keyFile }: ProxyConfig["tls"]): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
}

/** Calls `use` with each renewed certificate until the signal aborts; while the files do not fit together the old one stays. */
export async function followCertificate(
  tls: ProxyConfig["tls"],
  before: Certificate,
  use: (now: Certificate) => void,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  let current = before;
  for (;;) {
    await pause(LOOK_AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const now = await readCertificate(tls);
      if (now.cert === current.cert && now.key === current.key) continue;
      createSecureContext(now); // throws when they do not fit together
      use(now);
      current = now;
      log.info("certificate renewed");
    } catch (error) {
      log.warn("certificate not renewed", { error: (error as Error).message });
    }
  }
}
