// drover login: a name and a password for a token, kept for the other commands and written into the kubeconfig.
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { type AuthServer, ask, call, serverURL, statusMessage } from "../auth-client.ts";
import { CliError, EXIT } from "../failure.ts";
import { findSession, type Session, saveSession } from "../session.ts";
import { askLine, askSecret, note, readPassword } from "../terminal.ts";
import { DEFAULT_PREFIX, KUBECONFIG_HELP, writeKubeconfig } from "./kubeconfig.ts";
import { duration, names } from "./options.ts";

interface Options {
  readonly server?: string;
  readonly provider: string;
  readonly username?: string;
  readonly passwordStdin?: boolean;
  readonly caFile?: string;
  readonly ttl?: number;
  readonly clusters?: string[];
  readonly kubeconfig: string | boolean;
  readonly prefix: string;
}

export function addLogin(program: Command): void {
  program
    .command("login")
    .description("log in, and write a kubectl context for each cluster that you can reach")
    .argument("[auth-url]", "the auth server (default: that of the last login)")
    .option("--server <url>", "the same as [auth-url]")
    .option("--provider <name>", "the identity provider", "local")
    .option("--username <name>", "your user name (default: asked for)")
    .option("--password-stdin", "read the password from standard input (default: asked for)")
    .option("--ca-file <file>", "PEM file with the authority of the servers' certificates (default: the system's)")
    .option("--ttl <time>", "how long the login lasts, like 8h (default: as the server says)", duration)
    .option("--clusters <names>", "the only clusters that the login reaches, like east,west (default: all that you can reach)", names)
    .option("--kubeconfig <file>", KUBECONFIG_HELP)
    .option("--no-kubeconfig", "write no kubeconfig")
    .option("--prefix <text>", "prefix of the name of each entry", DEFAULT_PREFIX)
    .action(async (url: string | undefined, options: Options) => {
      const session = await login(url ?? options.server, options);
      await saveSession(session);
      note(`logged in as ${session.user} until ${session.expiresAt}`);
      if (options.kubeconfig === false) return;
      await writeKubeconfig(session, options.prefix, typeof options.kubeconfig === "string" ? options.kubeconfig : undefined);
    });
}

async function login(url: string | undefined, options: Options): Promise<Session> {
  const server = await chosenServer(url, options.caFile);
  const apiURL = await discover(server, options.provider);
  const user = options.username ?? (await askLine("User name: "));
  const password = options.passwordStdin ? await readPassword() : await askSecret("Password: ");
  const { status, body } = await call(server, {
    method: "POST",
    path: `/login/${encodeURIComponent(options.provider)}`,
    body: {
      username: user,
      password,
      ...(options.ttl === undefined ? {} : { ttlSeconds: options.ttl }),
      ...(options.clusters === undefined ? {} : { clusters: options.clusters }),
    },
  });
  const answer = body as { token?: unknown; expiresAt?: unknown } | undefined;
  if (status !== 200 || typeof answer?.token !== "string" || typeof answer.expiresAt !== "string") {
    const exitCode = status === 401 ? EXIT.notLoggedIn : status >= 500 ? EXIT.unreachable : EXIT.refused;
    throw new CliError(exitCode, statusMessage(body) ?? `${server.url} answered ${status}`);
  }
  const { token, expiresAt } = answer as { token: string; expiresAt: string };
  return {
    server: server.url,
    ...(server.ca === undefined ? {} : { ca: server.ca }),
    provider: options.provider,
    user,
    token,
    expiresAt,
    apiURL,
  };
}

/** The authority given once is remembered for the same server. */
async function chosenServer(text: string | undefined, caFile: string | undefined): Promise<AuthServer> {
  const last = await findSession().catch(() => undefined);
  const given = text ?? last?.server;
  if (given === undefined) throw new CliError(EXIT.usage, "which server? kubectl drover login <auth-url>");
  const url = serverURL(given);
  if (caFile === undefined) return { url, ca: last?.server === url ? last.ca : undefined };
  const ca = await readFile(caFile, "utf8").catch((error: Error) => {
    throw new CliError(EXIT.usage, `${caFile} cannot be read: ${error.message}`);
  });
  if (!ca.includes("-----BEGIN CERTIFICATE-----")) throw new CliError(EXIT.usage, `${caFile} holds no certificate in PEM form`);
  return { url, ca };
}

/** Before a password is asked for: is this an auth server, and does it know the provider? Gives the URL of the clusters. */
async function discover(server: AuthServer, provider: string): Promise<string> {
  const found = (await ask(server, { method: "GET", path: "/.well-known/drover" })) as
    | { apiURL?: unknown; providers?: readonly { name: string; type: string }[] }
    | undefined;
  if (typeof found?.apiURL !== "string" || found.providers === undefined)
    throw new CliError(EXIT.usage, `${server.url} is not a Drover auth server; check the URL`);
  const match = found.providers.find(({ name }) => name === provider);
  const names = found.providers.map(({ name }) => name).join(", ");
  if (match === undefined)
    throw new CliError(
      EXIT.refused,
      `provider ${provider} is not in use there; ${names === "" ? "none is" : `choose with --provider: ${names}`}`,
    );
  if (match.type !== "local")
    throw new CliError(EXIT.refused, `provider ${provider} takes no password here; choose another with --provider`);
  return found.apiURL;
}
