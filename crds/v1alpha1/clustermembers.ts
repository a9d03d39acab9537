import { array, boolean, integer, object, string } from "../schema/builders.ts";
import { kind, type ObjectOf } from "../schema/kind.ts";

export const ClusterMembers = kind({
  kind: "ClusterMembers",
  plural: "clustermembers",
  singular: "clustermembers",
  shortNames: ["dmem"],
  scope: "Namespaced",
  internal: true,
  description:
    "Everybody named in any AccessSet of the cluster: all that a proxy needs to know who may reach it. Written by the access operator only; one in each cluster's namespace, named `members`, which counts the parts `members--part-2` and so on where one object would be too large.",
  spec: object("Who may reach the cluster; what they may do there the cluster itself decides.", {
    users: array("Names of Users, sorted.", string("A User.", { maxLength: 63, minLength: 1 }), { maxItems: 2000 }),
    groups: array(
      "Groups as the managed cluster sees them, drover:group:<provider>:<encoded group>, sorted.",
      string("A group.", { maxLength: 1101, minLength: 1 }),
      {
        maxItems: 2000,
      },
    ),
    everyone: boolean("true: whoever is logged in may reach the cluster."),
    parts: integer("Of `members`: how many objects the list is laid out over.", { minimum: 1, maximum: 100 }).default(1),
  }),
  rules: [
    {
      rule: "self.metadata.name.matches('^members(--part-[0-9]{1,3})?$')",
      message: "there is one of these in each cluster's namespace, and its name is 'members'; its parts are 'members--part-2' and so on",
    },
  ],
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
