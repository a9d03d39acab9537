// The one login that is remembered: ~/.config/drover/session.json (or under $XDG_CONFIG_HOME), readable by its owner only.
import { readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { CliError, EXIT } from "./failure.ts";
import { writePrivate } from "./private-file.ts";

export interface Session {
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly provider: string;
  readonly user: string;
  readonly token: string;
  readonly expiresAt: string;
  /** Where the clusters are. */
  readonly apiURL: string;
}

const sessionFile = (): string => join(process.env.XDG_CONFIG_HOME || join(homedir(), ".config"), "drover", "session.json");

export async function findSession(): Promise<Session | undefined> {
  let text: string;
  try {
    text = await readFile(sessionFile(), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CliError(EXIT.failed, `${sessionFile()} cannot be read: ${(error as Error).message}`);
  }
  try {
    const session = JSON.parse(text) as Session;
    if (typeof session.server === "string" && typeof session.token === "string") return session;
  } catch {
    // Falls through: the same remedy.
  }
  throw new CliError(EXIT.failed, `${sessionFile()} is damaged; delete it and log in again`);
}

export async function mustFindSession(): Promise<Session> {
  const session = await findSession();
  if (session === undefined) throw new CliError(EXIT.notLoggedIn, "not logged in; first: kubectl drover login <auth-url>");
  return session;
}

export const saveSession = (session: Session): Promise<void> => writePrivate(sessionFile(), `${JSON.stringify(session, null, 2)}\n`);

export const forgetSession = (): Promise<void> => rm(sessionFile(), { force: true });
