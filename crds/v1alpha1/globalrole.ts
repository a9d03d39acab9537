import { array, choice, map, object, string } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import type { Infer } from "../schema/schema.ts";
import { displayName, labelName } from "./names.ts";

/** Accepted: everything that the role grants exists. */
export const Accepted = condition("Accepted", "Everything that the role grants exists. While one grant does not, the others still count.", {
  Accepted: "Nothing to do.",
  TemplateNotFound: "No ClusterRoleTemplate has one of the names. Apply it; the grant then counts by itself.",
  TemplateNotAccepted: "One of the templates is not accepted itself. Read its condition Accepted and correct it.",
  ContextMismatch: "One of the templates is for projects. Grant templates of context Cluster.",
  TooBroadForHub:
    "On the hub a wildcard or an external ClusterRole could include all that Drover stands on. Grant a template that lists API groups and resources, or one with the capability AdministerHub.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

const labelValue = string("A label value.", { maxLength: 63 });

export const labelSelector = object(
  'Which clusters, by their labels. {} is every cluster but the hub: that one is chosen only by a selector that asks for its label, drover.dev/hub: "true".',
  {
    matchLabels: map("Labels that a cluster must have.", labelValue, 20).optional(),
    matchExpressions: array(
      "Conditions on labels; all must hold.",
      object("A condition on one label.", {
        key: string("The label.", { maxLength: 317, minLength: 1 }),
        operator: choice("How the label is compared with the values.", ["In", "NotIn", "Exists", "DoesNotExist"]),
        values: array("Values for In and NotIn.", labelValue, { maxItems: 50 }).optional(),
      }).rule(
        "self.operator in ['In', 'NotIn'] ? (has(self.values) && self.values.size() > 0) : (!has(self.values) || self.values.size() == 0)",
        "In and NotIn need `values`; Exists and DoesNotExist take none",
      ),
      { maxItems: 20 },
    ).optional(),
  },
);
export type LabelSelector = Infer<typeof labelSelector>;

export const GlobalRole = kind({
  kind: "GlobalRole",
  plural: "globalroles",
  shortNames: ["dgr"],
  scope: "Cluster",
  description: "Templates, each with the clusters in which it is granted: a role across the fleet. Written by people.",
  spec: object("What the role grants, and where.", {
    displayName,
    grants: array(
      "Templates and where they are granted.",
      object("One template in the clusters that a selector chooses.", {
        template: string("The name of a ClusterRoleTemplate of context Cluster.", { maxLength: 63, minLength: 1 }),
        clusterSelector: labelSelector,
      }),
      { maxItems: 50 },
    ),
  }),
  conditions: [Accepted],
  ready: { of: [Accepted] },
  rules: [labelName("GlobalRole")],
  columns: [
    { name: "Display Name", type: "string", jsonPath: ".spec.displayName" },
    ...READY_COLUMNS,
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: GlobalRole
metadata:
  name: prod-viewer
spec:
  displayName: Sees every production cluster
  grants:
    - { template: cluster-viewer, clusterSelector: { matchLabels: { env: prod } } }
`,
});
export type GlobalRole = ObjectOf<typeof GlobalRole>;
