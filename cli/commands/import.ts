// drover import: makes the Cluster when it is missing, waits for its agent's manifest, prints it.

import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { Cluster } from "../../crds/v1alpha1/cluster.ts";
import { isShortName, SHORT_NAME_RULE } from "../../crds/v1alpha1/names.ts";
import { clusterNamespace, HUB, VERSION } from "../../lib/access/names.ts";
import { isAlreadyExists, isInvalid, type KubeClient } from "../../lib/kube/client.ts";
import { Secret } from "../../lib/kube/core.ts";
import { CliError, EXIT } from "../failure.ts";
import { type HubOptions, withHub } from "../hub.ts";
import { type Format, json } from "../output.ts";
import { note, print } from "../terminal.ts";
import { duration, formatOption, hubOptions } from "./options.ts";

const MANIFEST = "agent-manifest";
const MANIFEST_KEY = "manifest.yaml";
const POLL_MS = 300;

interface Options extends HubOptions {
  readonly ceiling?: string;
  readonly group?: string[];
  readonly displayName?: string;
  readonly timeout: number;
  readonly output: Format;
}

export function addImport(program: Command): void {
  const command = program
    .command("import")
    .description("print the manifest that makes an existing cluster a managed cluster; with the hub's kubeconfig")
    .argument("<cluster>", "its name in Drover")
    .option(
      "--ceiling <clusterrole>",
      "ClusterRole in the managed cluster that bounds what Drover can grant there (default: cluster-admin)",
    )
    .option(
      "--group <provider:group>",
      "with a lower ceiling: a group that may use the cluster; may be repeated",
      (one, all: string[] = []) => [...all, one],
    )
    .option("--display-name <text>", "the name that users see")
    .option("--timeout <time>", "how long to wait for the manifest", duration, 120)
    .addHelpText("after", "\nIn the managed cluster:\n  kubectl drover import east | kubectl --context <its context> apply -f -\n");
  formatOption(hubOptions(command)).action(async (name: string, options: Options) => {
    const manifest = await withHub(options, async (hub) => {
      await ensureCluster(hub, name, options);
      return await waitForManifest(hub, name, options.timeout * 1000);
    });
    print(options.output === "json" ? json({ cluster: name, manifest }) : manifest);
    note(`next: apply this in ${name}, with its own kubeconfig: kubectl apply -f -`);
  });
}

async function ensureCluster(hub: KubeClient, name: string, options: Options): Promise<void> {
  if (!isShortName(name)) throw new CliError(EXIT.usage, `${JSON.stringify(name)} cannot be a cluster's name: ${SHORT_NAME_RULE}`);
  const found = await hub.find(Cluster, { name });
  if (found === undefined && name !== HUB) return create(hub, name, options);
  // The hub's own Cluster is made by the clusters operator, perhaps in a moment.
  if (found !== undefined) mustFit(found, options);
}

async function create(hub: KubeClient, name: string, { ceiling, group, displayName }: Options): Promise<void> {
  const agent = { ...(ceiling === undefined ? {} : { ceiling }), ...(group === undefined ? {} : { groups: group }) };
  const cluster = {
    apiVersion: VERSION,
    kind: "Cluster",
    metadata: { name },
    spec: { ...(displayName === undefined ? {} : { displayName }), import: {}, ...(Object.keys(agent).length === 0 ? {} : { agent }) },
  };
  try {
    await hub.create(Cluster, cluster as unknown as Cluster, { fieldManager: "drover-import" });
    note(`cluster ${name} made`);
  } catch (error) {
    if (isInvalid(error)) throw new CliError(EXIT.usage, (error as Error).message.replace(/^.*? 422 /, ""));
    if (!isAlreadyExists(error)) throw error;
  }
}

/** A cluster that exists is taken as it is; options that would change it are refused, because its manifest may be out already. */
function mustFit({ metadata: { name }, spec }: Cluster, { ceiling, group, displayName }: Options): void {
  if (spec.import === undefined) throw new CliError(EXIT.refused, `cluster ${name} is not an imported one: Drover makes it itself`);
  const differs =
    (ceiling !== undefined && ceiling !== spec.agent.ceiling && "--ceiling") ||
    (group !== undefined && group.join() !== (spec.agent.groups ?? []).join() && "--group") ||
    (displayName !== undefined && displayName !== spec.displayName && "--display-name");
  if (differs)
    throw new CliError(
      EXIT.refused,
      `cluster ${name} exists with another ${differs}; leave the option out, or change it first: kubectl edit cluster.drover.dev ${name}`,
    );
}

async function waitForManifest(hub: KubeClient, name: string, timeoutMs: number): Promise<string> {
  const until = performance.now() + timeoutMs;
  let said = "";
  for (;;) {
    const [cluster, secret] = await Promise.all([
      hub.find(Cluster, { name }),
      hub.find(Secret, { name: MANIFEST, namespace: clusterNamespace(name) }),
    ]);
    const registered = condition(cluster, "Registered");
    if (registered?.status === "True")
      throw new CliError(
        EXIT.refused,
        `cluster ${name} is registered already; to give it another agent: kubectl -n ${clusterNamespace(name)} delete clusterregistration agent, then this again`,
      );
    const manifest = secret?.data?.[MANIFEST_KEY];
    if (manifest !== undefined) return Buffer.from(manifest, "base64").toString();

    const why = whyNot(cluster, name);
    if (performance.now() > until) throw new CliError(EXIT.failed, `no manifest for ${name} after ${timeoutMs / 1000} s: ${why}`);
    if (why !== said) note(`waiting for the manifest of ${name}: ${why}`);
    said = why;
    await pause(POLL_MS);
  }
}

function whyNot(cluster: Cluster | undefined, name: string): string {
  if (cluster === undefined) return `there is no Cluster ${name}; does the clusters operator run?`;
  const namespace = condition(cluster, "NamespaceReady");
  if (namespace?.reason === "NameTaken") throw new CliError(EXIT.refused, `cluster ${name}: ${namespace.message}`);
  if (namespace === undefined) return "the clusters operator has not seen the cluster; does it run?";
  return namespace.status === "True" ? "it is being made" : namespace.message;
}

const condition = (cluster: Cluster | undefined, type: string) => cluster?.status?.conditions?.find((one) => one.type === type);
