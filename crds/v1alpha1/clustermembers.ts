import { array, boolean, object, string } from "../schema/builders.ts";
import { kind, type ObjectOf } from "../schema/kind.ts";
import { fixedName } from "./names.ts";

export const ClusterMembers = kind({
  kind: "ClusterMembers",
  plural: "clustermembers",
  singular: "clustermembers",
  shortNames: ["dmem"],
  scope: "Namespaced",
  description:
    "Everybody named in any AccessSet of the cluster: all that a proxy needs to know who may reach it. Written by the access operator only; one in each cluster's namespace, named `members`.",
  spec: object("Who may reach the cluster; what they may do there the cluster itself decides.", {
    users: array("Names of Users, sorted.", string("A User.", { maxLength: 63, minLength: 1 }), { maxItems: 10000 }),
    groups: array(
      "Groups as the member sees them, drover:group:<provider>:<encoded group>, sorted.",
      string("A group.", { maxLength: 1600, minLength: 1 }),
      {
        maxItems: 5000,
      },
    ),
    everyone: boolean("true: whoever is logged in may reach the cluster."),
  }),
  rules: [fixedName("members")],
  columns: [
    { name: "Everyone", type: "boolean", jsonPath: ".spec.everyone" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterMembers
metadata:
  name: members
  namespace: cluster-east
spec:
  users: [alice, root]
  groups: ["drover:group:corp:developers"]
  everyone: false
`,
});
export type ClusterMembers = ObjectOf<typeof ClusterMembers>;
