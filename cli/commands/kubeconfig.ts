// drover kubeconfig: one context for each cluster that the login opens, named drover-<cluster>.
import type { Command } from "commander";
import { reachableClusters } from "../clusters.ts";
import { EMPTY, type Kubeconfig, withEntries } from "../kubeconfig/entries.ts";
import { changeKubeconfig, defaultKubeconfig, renderKubeconfig } from "../kubeconfig/file.ts";
import { mustFindSession, type Session } from "../session.ts";
import { note, print } from "../terminal.ts";

interface Options {
  readonly kubeconfig?: string;
  readonly print?: boolean;
  readonly prefix: string;
}

export const DEFAULT_PREFIX = "drover-";

export function addKubeconfig(program: Command): void {
  program
    .command("kubeconfig")
    .description("write a kubectl context for each cluster that you can reach, named drover-<cluster>")
    .option("--kubeconfig <file>", "file to write (default: the first of $KUBECONFIG, then ~/.kube/config)")
    .option("--print", "print a kubeconfig of its own instead of changing a file")
    .option("--prefix <text>", "begins the name of every entry", DEFAULT_PREFIX)
    .action(async (options: Options) => {
      const session = await mustFindSession();
      if (options.print) print(renderKubeconfig(await withClusters(EMPTY, session, options.prefix)));
      else await writeKubeconfig(session, options.kubeconfig ?? defaultKubeconfig(), options.prefix);
    });
}

/** Adds, updates and removes contexts in the file, and says what there is now. */
export async function writeKubeconfig(session: Session, path: string, prefix: string): Promise<void> {
  const clusters = (await reachableClusters(session)).map(({ name }) => name);
  await changeKubeconfig(path, (config) => withEntries(config, entries(session, clusters, prefix)));
  const first = clusters[0];
  if (first === undefined)
    return note(`${path}: no context yet, because no cluster is open to you; after a binding: kubectl drover kubeconfig`);
  note(`${path}: ${clusters.length === 1 ? "context" : "contexts"} ${clusters.map((name) => prefix + name).join(", ")}`);
  note(`next: kubectl --context ${prefix}${first} get namespaces`);
}

async function withClusters(config: Kubeconfig, session: Session, prefix: string): Promise<Kubeconfig> {
  const clusters = (await reachableClusters(session)).map(({ name }) => name);
  return withEntries(config, entries(session, clusters, prefix));
}

const entries = ({ apiURL, ca, user, token }: Session, clusters: readonly string[], prefix: string) => ({
  apiURL,
  ca,
  user,
  token,
  clusters,
  prefix,
});
