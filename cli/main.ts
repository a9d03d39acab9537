// `drover` and `kubectl drover`: one program.
import { Command, CommanderError } from "commander";
import { addHub } from "./commands/accept-restore.ts";
import { addClusters } from "./commands/clusters.ts";
import { addHashPassword } from "./commands/hash-password.ts";
import { addImport } from "./commands/import.ts";
import { addInit } from "./commands/init.ts";
import { addKubeconfig } from "./commands/kubeconfig.ts";
import { addLogin } from "./commands/login.ts";
import { addLogout } from "./commands/logout.ts";
import { CliError, EXIT } from "./failure.ts";
import { note } from "./terminal.ts";

const EXIT_CODES = `
Exit codes:
  0  done
  1  failed; the last line says why and what to do
  2  the command line is wrong, or a file that it names
  3  not logged in, or user name or password is wrong
  4  refused: by auth, by the hub, or because of what is there already
  5  a server cannot be reached, or its certificate is not trusted
`;

const program = new Command("drover")
  .description("governs a fleet of Kubernetes clusters from one")
  .addHelpText("after", EXIT_CODES)
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`drover: ${text.replace(/^error: /, "")}`) });

for (const add of [addInit, addLogin, addLogout, addClusters, addKubeconfig, addImport, addHub, addHashPassword]) add(program);
inherit(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}

/** Commander ends the process by itself unless each subcommand overrides that. */
function inherit(command: Command): void {
  for (const sub of command.commands) {
    sub.copyInheritedSettings(command).exitOverride();
    inherit(sub);
  }
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  if (error instanceof CliError) {
    note(`drover: ${error.message}`);
    return error.exitCode;
  }
  note(`drover: ${(error instanceof Error ? error.message : String(error)).split("\n")[0]}`);
  return EXIT.failed;
}
