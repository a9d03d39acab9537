// drover clusters: which clusters the login reaches.
import type { Command } from "commander";
import { reachableClusters } from "../clusters.ts";
import { type Format, json, table } from "../output.ts";
import { mustFindSession } from "../session.ts";
import { note, print } from "../terminal.ts";
import { formatOption } from "./options.ts";

export function addClusters(program: Command): void {
  const command = program.command("clusters").description("list the clusters that you can reach");
  formatOption(command).action(async ({ output }: { output: Format }) => {
    const clusters = await reachableClusters(await mustFindSession());
    if (output === "json") return print(json({ clusters }));
    if (clusters.length === 0) return note("you can reach no cluster; ask an administrator for a binding");
    const rows = clusters.map(({ name, displayName, ready, kubernetesVersion }) => [
      name,
      displayName,
      ready ? "True" : "False",
      kubernetesVersion ?? "",
    ]);
    print(table(["NAME", "DISPLAY NAME", "READY", "VERSION"], rows));
  });
}
