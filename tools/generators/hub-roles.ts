// deploy/bases/roles: the ClusterRoles that the clusters operator binds for each cluster, by these names only.
import { clusterNamespacePermissions } from "../../auth/permissions.ts";
import { HUB_ROLE } from "../../lib/access/names.ts";
import { type AgentPermission, agentRules } from "../../lib/components/agent-on-hub.ts";
import { mergedRules, PART_OF } from "../../lib/components/rbac.ts";
import type { ClusterRole } from "../../lib/kube/core.ts";
import type { PolicyRule } from "../../lib/kube/object.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/roles";

export const hubRoles: Generator = {
  owns: [FOLDER],
  files: () => [
    yamlFile(`${FOLDER}/agents.yaml`, "lib/components/agent-on-hub.ts", agentRoles()),
    yamlFile(`${FOLDER}/auth.yaml`, "auth/permissions.ts", [role(HUB_ROLE.agentTokenMinter, clusterNamespacePermissions)]),
    kustomizationFile(FOLDER, "tools/generators/hub-roles.ts", { resources: ["agents.yaml", "auth.yaml"] }),
  ],
};

/** What an agent may do in its cluster's namespace, and what all of them may do in the whole hub. */
export const agentRoles = (table?: readonly AgentPermission[]): readonly ClusterRole[] => [
  role(HUB_ROLE.clusterAgent, agentRules("namespaced", table)),
  role(HUB_ROLE.templateReaders, agentRules("cluster", table)),
];

const role = (name: string, rules: readonly PolicyRule[]): ClusterRole => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  metadata: { name, labels: PART_OF },
  rules: mergedRules(rules),
});
