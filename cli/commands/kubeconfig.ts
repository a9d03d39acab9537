// drover kubeconfig: one context for each cluster that the login opens, named drover-<cluster>.
import type { Command } from "commander";
import { reachableClusters } from "../clusters.ts";
import { CliError, EXIT } from "../failure.ts";
import { EMPTY, type Kubeconfig, type Login, withEntries } from "../kubeconfig/entries.ts";
import { changeKubeconfig, kubeconfigSources, type Sources } from "../kubeconfig/file.ts";
import { renderKubeconfig } from "../kubeconfig/yaml.ts";
import { mustFindSession, type Session } from "../session.ts";
import { note, print } from "../terminal.ts";

interface Options {
  readonly kubeconfig?: string;
  readonly print?: boolean;
  readonly prefix: string;
}

export const DEFAULT_PREFIX = "drover-";
export const KUBECONFIG_HELP = "the one file to change (default: those of $KUBECONFIG, then ~/.kube/config)";

export function addKubeconfig(program: Command): void {
  program
    .command("kubeconfig")
    .description("write a kubectl context for each cluster that you can reach, named drover-<cluster>")
    .option("--kubeconfig <file>", KUBECONFIG_HELP)
    .option("--print", "print a kubeconfig of its own instead of changing a file")
    .option("--prefix <text>", "prefix of the name of each entry", DEFAULT_PREFIX)
    .action(async (options: Options) => {
      const session = await mustFindSession();
      if (!options.print) return await writeKubeconfig(session, options.prefix, options.kubeconfig);
      const [printed = EMPTY] = withLogin([EMPTY], { target: 0, paths: [] }, await loginOf(session, options.prefix));
      print(renderKubeconfig(printed));
    });
}

/** Adds, updates and removes contexts, and says what there is now. */
export async function writeKubeconfig(session: Session, prefix: string, file?: string): Promise<void> {
  const sources = kubeconfigSources(file);
  const path = sources.paths[sources.target] ?? "";
  const login = await loginOf(session, prefix);
  for (const open of await changeKubeconfig(sources, (files) => withLogin(files, sources, login)))
    note(`warning: ${open} holds a token, and not only its owner may read it: chmod 600 ${open}`);
  const names = login.clusters.map((name) => prefix + name);
  if (names[0] === undefined)
    return note(`${path}: no context yet, because you can reach no cluster; after a binding: kubectl drover kubeconfig`);
  note(`${path}: ${names.length === 1 ? "context" : "contexts"} ${names.join(", ")}`);
  note(`next: kubectl --context ${names[0]} get namespaces`);
}

function withLogin(files: readonly Kubeconfig[], { paths, target }: Sources, login: Login): readonly Kubeconfig[] {
  const change = withEntries(files, target, login);
  if ("files" in change) return change.files;
  throw new CliError(
    EXIT.refused,
    `${paths.join(", ")}: not of ${login.apiURL}, and therefore left alone: ${change.taken.join(", ")}; ` +
      "rename them, or choose other names: kubectl drover kubeconfig --prefix <text>",
  );
}

async function loginOf(session: Session, prefix: string): Promise<Login> {
  const { apiURL, ca, user, token } = session;
  return { apiURL, ca, user, token, prefix, clusters: (await reachableClusters(session)).map(({ name }) => name) };
}
