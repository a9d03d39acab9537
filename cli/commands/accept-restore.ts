// drover hub accept-restore: the hub was restored from a backup, and what it says now is meant. Ends every login from before.
import type { Command } from "commander";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterReport } from "../../crds/v1alpha1/clusterreport.ts";
import { Token } from "../../crds/v1alpha1/token.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { HUB, VERSION } from "../../lib/access/names.ts";
import { isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { CliError, EXIT } from "../failure.ts";
import { type HubOptions, withHub } from "../hub.ts";
import { type Format, json } from "../output.ts";
import { note, print } from "../terminal.ts";
import { formatOption, hubOptions } from "./options.ts";

/** An epoch that is further in the future is not accepted: one agent must not move the acceptance into the future. */
const CLOCKS_DIFFER_MS = 24 * 3600_000;
const DELETED_AT_ONCE = 16;

interface Options extends HubOptions {
  readonly output: Format;
}

interface Accepted {
  /** RFC 3339. */
  readonly acceptedAt: string;
  readonly tokensDeleted: number;
  /** Clusters whose agents report that they held something back. */
  readonly clusters: readonly string[];
  /** Those of them that report a time too far in the future: they go on holding back. */
  readonly implausible: readonly string[];
  readonly enabledUsers: number;
  readonly registeredAgents: number;
}

export function addHub(program: Command): void {
  const command = program
    .command("hub")
    .description("what concerns the hub as a whole; with the hub's kubeconfig")
    .command("accept-restore")
    .description("after the hub was restored from a backup: agents grant what it says now, and all users log in again");
  formatOption(hubOptions(command)).action(async (options: Options) => {
    const done = await withHub(options, acceptRestore);
    if (options.output === "json") return print(json(done));
    for (const line of remarks(done)) note(line);
  });
}

/** The lines for the terminal. Pure. */
export function remarks(done: Accepted): readonly string[] {
  const held = done.clusters.length > 0 ? `; held back until now in: ${done.clusters.join(", ")}` : "";
  return [
    `${done.tokensDeleted} tokens deleted: all users log in again`,
    `restore accepted at ${done.acceptedAt}${held}`,
    ...done.implausible.map(
      (cluster) =>
        `${cluster} reports an epoch of more than a day from now and goes on holding back; look at its agent and at the operators' clocks`,
    ),
    "now look at what came back with the backup:",
    `  ${done.enabledUsers} users are enabled                  kubectl get users.drover.dev`,
    `  ${done.registeredAgents} agents' keys are on record            kubectl get clusterregistrations.drover.dev -A`,
    "  who may do what                      kubectl get crtb,prtb,globalrolebindings.drover.dev -A",
    "  RBAC on the hub itself, which no agent held back: kubectl get clusterrolebindings,rolebindings -A",
  ];
}

/** Tokens go first: if one cannot be deleted, nothing is accepted. */
async function acceptRestore(hub: KubeClient): Promise<Accepted> {
  const cluster = await hub.find(Cluster, { name: HUB });
  if (cluster === undefined) throw new CliError(EXIT.failed, `there is no Cluster ${HUB} yet; does the clusters operator run?`);
  const tokensDeleted = await deleteTokens(hub);
  const [{ items: reports }, { items: users }, { items: registrations }] = await Promise.all([
    hub.list(ClusterReport),
    hub.list(User),
    hub.list(ClusterRegistration),
  ]);
  const { at, clusters, implausible } = acceptanceTime(cluster, reports, new Date());
  const acceptedAt = new Date(at).toISOString();
  const acceptance = { apiVersion: VERSION, kind: "Cluster", metadata: { name: HUB }, spec: { restoreAcceptedAt: acceptedAt } };
  await hub.apply(Cluster, acceptance, { fieldManager: "drover-accept-restore" });
  return {
    acceptedAt,
    tokensDeleted,
    clusters,
    implausible,
    enabledUsers: users.filter(({ spec }) => spec.enabled).length,
    registeredAgents: registrations.filter(({ status }) => status?.publicKey !== undefined).length,
  };
}

/** All of them: which ones were deleted after the backup was taken is not known any more. */
async function deleteTokens(hub: KubeClient): Promise<number> {
  const { items } = await hub.list(Token);
  const names = items.map(({ metadata }) => metadata.name);
  let deleted = 0;
  const worker = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      try {
        await hub.delete(Token, { name });
        deleted++;
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: DELETED_AT_ONCE }, worker));
  return deleted;
}

/** Later than everything that agents have seen, whatever clock it is from, and than any acceptance before. Pure. */
export function acceptanceTime(
  hub: Pick<Cluster, "spec">,
  reports: readonly Pick<ClusterReport, "metadata" | "status">[],
  now: Date,
): { readonly at: number; readonly clusters: readonly string[]; readonly implausible: readonly string[] } {
  const before = hub.spec.restoreAcceptedAt;
  let at = Math.max(now.getTime(), before === undefined ? 0 : Date.parse(before) + 1);
  const [clusters, implausible]: [string[], string[]] = [[], []];
  for (const { metadata, status } of reports) {
    const restored = status?.access?.restored ?? [];
    if (restored.length === 0) continue;
    const name = (metadata.namespace ?? "").replace(/^cluster-/, "");
    clusters.push(name);
    const latest = Math.max(...restored.map(({ epoch }) => epoch));
    if (latest < now.getTime() + CLOCKS_DIFFER_MS) at = Math.max(at, latest + 1);
    else implausible.push(name);
  }
  return { at, clusters: clusters.sort(), implausible: implausible.sort() };
}
