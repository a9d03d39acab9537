// drover logout: ends the login on the server, then forgets it here and in the kubeconfig.
import type { Command } from "commander";
import { call, statusMessage } from "../auth-client.ts";
import { CliError, EXIT } from "../failure.ts";
import { withoutEntries } from "../kubeconfig/entries.ts";
import { changeKubeconfig, kubeconfigSources } from "../kubeconfig/file.ts";
import { findSession, forgetSession, type Session } from "../session.ts";
import { note } from "../terminal.ts";
import { KUBECONFIG_HELP } from "./kubeconfig.ts";

interface Options {
  readonly kubeconfig?: string;
  readonly localOnly?: boolean;
}

export function addLogout(program: Command): void {
  program
    .command("logout")
    .description("end the login everywhere")
    .option("--kubeconfig <file>", KUBECONFIG_HELP)
    .option("--local-only", "only forget it here; the token stays valid until it runs out")
    .action(async (options: Options) => {
      const session = await findSession();
      if (session === undefined) return note("nobody is logged in");
      if (!options.localOnly) await revoke(session);
      await changeKubeconfig(kubeconfigSources(options.kubeconfig), (files) => withoutEntries(files, session.apiURL));
      await forgetSession();
      note(
        options.localOnly
          ? `${session.user} is forgotten here; the token is valid until ${session.expiresAt}`
          : `${session.user} is logged out`,
      );
    });
}

/** A token that is not valid any more needs no revoking. */
async function revoke({ server, ca, token }: Session): Promise<void> {
  const { status, body } = await call({ url: server, ca }, { method: "POST", path: "/logout", token }).catch((error: CliError) => {
    throw new CliError(error.exitCode, `${error.message}; to forget the login only here: kubectl drover logout --local-only`);
  });
  if (status === 204 || status === 401) return;
  throw new CliError(
    EXIT.refused,
    `${server}: ${statusMessage(body) ?? `HTTP ${status}`}; to forget the login only here: kubectl drover logout --local-only`,
  );
}
