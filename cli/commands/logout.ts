// drover logout: ends the login on the server, then forgets it here and in the kubeconfig.
// With --all every login of the user; with --user those of another user, which needs rights on the hub and no login.
import type { Command } from "commander";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { call, statusMessage } from "../auth-client.ts";
import { CliError, EXIT } from "../failure.ts";
import { withHub } from "../hub.ts";
import { withoutEntries } from "../kubeconfig/entries.ts";
import { changeKubeconfig, kubeconfigSources } from "../kubeconfig/file.ts";
import { findSession, forgetSession, type Session } from "../session.ts";
import { note } from "../terminal.ts";
import { KUBECONFIG_HELP } from "./kubeconfig.ts";

interface Options {
  readonly kubeconfig?: string;
  readonly localOnly?: boolean;
  readonly all?: boolean;
  readonly user?: string;
  readonly context?: string;
}

export function addLogout(program: Command): void {
  program
    .command("logout")
    .description("end the login everywhere")
    .option("--all", "end all of your logins, also those on other machines")
    .option("--user <name>", "with --all: end those of this user, with the hub's kubeconfig; your own login stays as it is")
    .option("--context <name>", "with --user: context in the hub's kubeconfig (default: the current one)")
    .option("--kubeconfig <file>", KUBECONFIG_HELP)
    .option("--local-only", "only forget it here; the token stays valid until it runs out")
    .action(async (options: Options) => {
      if (options.user !== undefined) return logoutUser(options.user, options);
      if (options.context !== undefined) throw new CliError(EXIT.usage, "--context goes with --user");
      if (options.all && options.localOnly) throw new CliError(EXIT.usage, "--all ends logins on the server, --local-only does not ask it");
      const session = await findSession();
      if (session === undefined) return note("not logged in");
      if (!options.localOnly) await revoke(session, options.all ?? false);
      await changeKubeconfig(kubeconfigSources(options.kubeconfig), (files) => withoutEntries(files, session.apiURL));
      await forgetSession();
      note(
        options.localOnly
          ? `${session.user} is forgotten here; the token is valid until ${session.expiresAt}`
          : `${session.user} is logged out${options.all ? ", everywhere" : ""}`,
      );
    });
}

/** A token that is not valid any more needs no revoking; but it cannot end others. */
async function revoke({ server, ca, token }: Session, all: boolean): Promise<void> {
  const request = { method: "POST", path: "/logout", token, ...(all ? { body: { all } } : {}) } as const;
  const { status, body } = await call({ url: server, ca }, request).catch((error: CliError) => {
    throw new CliError(error.exitCode, `${error.message}; to forget the login only here: kubectl drover logout --local-only`);
  });
  if (status === 401 && all)
    throw new CliError(EXIT.notLoggedIn, "this login has ended, so it cannot end your others; first: kubectl drover login");
  if (status === 204 || status === 401) return;
  throw new CliError(
    EXIT.refused,
    `${server}: ${statusMessage(body) ?? `HTTP ${status}`}; to forget the login only here: kubectl drover logout --local-only`,
  );
}

async function logoutUser(user: string, { all, localOnly, kubeconfig, context }: Options): Promise<void> {
  if (!all || localOnly) throw new CliError(EXIT.usage, "--user goes with --all, and without --local-only");
  const hub = { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) };
  const ended = await withHub(hub, (client) => endLogins(client, user));
  note(`${ended === 1 ? "1 login" : `${ended} logins`} of ${user} ended`);
}

/** The number of logins that were ended. A user who is already deleted may have logins left until the identity operator deletes them. */
async function endLogins(hub: KubeClient, user: string): Promise<number> {
  const tokens = (await hub.list(Token)).items.filter(({ spec }) => spec.user === user);
  if (tokens.length === 0 && (await hub.find(User, { name: user })) === undefined)
    throw new CliError(EXIT.refused, `there is no User ${user} on the hub`);
  for (const { metadata } of tokens) {
    await hub.delete(Token, { name: metadata.name }, { uid: metadata.uid }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  return tokens.length;
}
