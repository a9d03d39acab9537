// Signing in to the hub: with the key, and where the hub does not know the key yet, by registering it first.
import { readFile } from "node:fs/promises";
import type { Log } from "../../lib/kube/log.ts";
import { type AuthClient, AuthRefusal, type HubToken } from "./auth-client.ts";

export interface SignInOptions {
  readonly auth: AuthClient;
  /** File with the registration token; it may be empty or gone once the cluster is registered. */
  readonly registrationTokenFile: string | undefined;
  readonly log: Log;
}

/**
 * One attempt. The key comes first, so an agent that died between registering and hearing of it, or that is started again, just signs in;
 * only a hub that does not know the key is offered the registration token.
 */
export async function signIn({ auth, registrationTokenFile, log }: SignInOptions, signal: AbortSignal): Promise<HubToken> {
  try {
    return await auth.token(signal);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const token = await registrationToken(registrationTokenFile);
    if (token === undefined) throw error;
    const fingerprint = await auth.register(token, signal);
    log.info("registered", { fingerprint });
    return await auth.token(signal);
  }
}

/** "No" and not "not now". */
const isRefusal = (error: unknown): boolean =>
  error instanceof AuthRefusal && error.code >= 400 && error.code < 500 && error.code !== 408 && error.code !== 429;

async function registrationToken(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, "utf8")).trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
