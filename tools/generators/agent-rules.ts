// deploy/agent/rules.ts: the rules of the agent's Roles in a managed cluster, from what its reconcilers and its other parts declare. A file,
// because the command line renders the manifest and must not carry the agent.
import { namespacedPermissions, permissions, reconcilers } from "../../agent/permissions.ts";
import { mergedRules } from "../../lib/components/rbac.ts";
import type { Generator } from "./file.ts";

const FILE = "deploy/agent/rules.ts";

const agentRoleRules = {
  cluster: mergedRules([...reconcilers.flatMap((reconciler) => reconciler.permissions), ...permissions]),
  namespaced: mergedRules(namespacedPermissions),
};

export const agentRules: Generator = {
  owns: [FILE],
  files: () => [{ path: FILE, content: moduleWith(agentRoleRules) }],
};

const moduleWith = (
  rules: typeof agentRoleRules,
): string => `// Generated from agent/permissions.ts by tools/generate.ts; edit that instead.
import type { PolicyRule } from "../../lib/kube/object.ts";

type Rules = Readonly<Record<"cluster" | "namespaced", readonly PolicyRule[]>>;

export const rules: Rules = ${JSON.stringify(rules, null, 2)};
`;
