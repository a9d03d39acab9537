// The clusters operator: namespaces of clusters and projects, registration and rights of agents, what a Cluster's status says.
import { readFile } from "node:fs/promises";
import { runOperator } from "../operator.ts";
import { type ClustersConfig, clustersConfig } from "./config.ts";
import { cacheOptions, effectsWith, reconcilersWith, type Settings } from "./reconcilers.ts";

await runOperator("operator-clusters", clustersConfig, async ({ config }) => {
  const settings = await settingsOf(config);
  return async () => ({ reconcilers: reconcilersWith(settings), effects: effectsWith(settings), cacheOptions });
});

async function settingsOf(config: ClustersConfig): Promise<Settings> {
  const { authURL, proxyURLs, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds } = config;
  const caPEM = await readFile(config.caFile, "utf8");
  return { authURL, proxyURLs, caPEM, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds };
}
