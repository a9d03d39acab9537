import { array, boolean, choice, object, string } from "../schema/builders.ts";
import { kind, type ObjectOf } from "../schema/kind.ts";
import { version } from "./names.ts";

export const ClusterNode = kind({
  kind: "ClusterNode",
  plural: "clusternodes",
  shortNames: ["dnode"],
  scope: "Namespaced",
  description:
    "A node of a managed cluster, as its agent sees it. Written by the agent only; lives in the cluster's namespace, named like the node.",
  spec: object("Nothing: what the agent sees is in the status.", {}),
  status: {
    ready: boolean("Whether the node is ready.").optional(),
    kubeletVersion: version("The version of its kubelet.").optional(),
    roles: array("Its roles, from its labels.", string("A role.", { maxLength: 63 }), { maxItems: 20 }).optional(),
    nodeConditions: array(
      "The node's own conditions.",
      object("One condition.", {
        type: string("Which one.", { maxLength: 316 }),
        status: choice("Whether it holds.", ["True", "False", "Unknown"]),
        reason: string("Why, as one word.", { maxLength: 1024 }).optional(),
        message: string("Why, as a sentence.", { maxLength: 1024 }).optional(),
      }),
      { maxItems: 30 },
    ).optional(),
  },
  columns: [
    { name: "Ready", type: "boolean", jsonPath: ".status.ready" },
    { name: "Version", type: "string", jsonPath: ".status.kubeletVersion" },
    { name: "Roles", type: "string", jsonPath: ".status.roles" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterNode
metadata:
  name: worker-1
  namespace: cluster-east
spec: {}
`,
});
export type ClusterNode = ObjectOf<typeof ClusterNode>;
