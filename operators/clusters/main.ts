// The clusters operator: namespaces of clusters and projects, registration and permissions of agents, what a Cluster's status says.
import { caFile } from "../../lib/outbound/ca-file.ts";
import { runOperator } from "../operator.ts";
import { type ClustersConfig, clustersConfig } from "./config.ts";
import { cacheOptions, effectsWith, reconcilersWith, type Settings } from "./reconcilers.ts";

await runOperator("operator-clusters", clustersConfig, async ({ config }) => {
  const settings = settingsOf(config);
  return async () => ({ reconcilers: reconcilersWith(settings), effects: effectsWith(settings), cacheOptions });
});

function settingsOf(config: ClustersConfig): Settings {
  const { authURL, proxyURLs, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds } = config;
  const caPEM = caFile(config.caFile);
  return { authURL, proxyURLs, caPEM, agentImage, hubURL, deletionGraceSeconds, registrationTTLSeconds };
}
