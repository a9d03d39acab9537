// What a project asks of its namespaces: the same shape in the Project and in the AccessSet that carries it to the agent.
import { boolean, choice, object } from "../schema/builders.ts";
import { quantities } from "./names.ts";

const LEVELS = ["privileged", "baseline", "restricted"] as const;

export const podSecurity = object("Pod Security levels of the project's namespaces; they become the pod-security.kubernetes.io labels.", {
  enforce: choice("Pods that exceed this level are refused.", LEVELS).optional(),
  audit: choice("Pods that exceed this level are noted in the audit log.", LEVELS).optional(),
  warn: choice("Whoever makes pods that exceed this level is warned.", LEVELS).optional(),
});

export const quota = object("How much the project's namespaces may use; becomes a ResourceQuota in each.", {
  total: quantities("For all namespaces of the project together, by resource name as in a ResourceQuota.").optional(),
  namespaceDefault: quantities("The share of one namespace, by resource name.").optional(),
}).rule(
  "!has(self.namespaceDefault) || (has(self.total) && self.namespaceDefault.all(resource, resource in self.total))",
  "each resource in `namespaceDefault` must be in `total` too: a namespace's share is a share of the project's total",
);

export const limits = object("Defaults and bounds for containers in the project's namespaces; becomes a LimitRange in each.", {
  default: quantities("Limits of a container that states none.").optional(),
  defaultRequest: quantities("Requests of a container that states none.").optional(),
  max: quantities("The most that a container may ask for.").optional(),
});

export const isolation = object("Whether other projects' pods can reach this project's; becomes a NetworkPolicy in each namespace.", {
  enabled: boolean("true: only pods of the same project may connect to its pods.").default(false),
});
