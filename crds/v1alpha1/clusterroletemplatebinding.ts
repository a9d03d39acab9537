import { object } from "../schema/builders.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { Accepted, expiresAt, template } from "./binding.ts";
import { IMMUTABLE_SUBJECT, personOrGroup } from "./subject.ts";

export { Accepted } from "./binding.ts";

export const ClusterRoleTemplateBinding = kind({
  kind: "ClusterRoleTemplateBinding",
  plural: "clusterroletemplatebindings",
  shortNames: ["crtb"],
  scope: "Namespaced",
  description: "Grants a template of context Cluster in one cluster; lives in the cluster's namespace. Written by people.",
  spec: object("Who gets which template, and until when.", {
    template,
    subject: personOrGroup.immutable(IMMUTABLE_SUBJECT),
    expiresAt,
  }),
  conditions: [Accepted],
  ready: { of: [Accepted], intended: [Accepted.Expired, Accepted.SubjectDisabled] },
  columns: [
    { name: "Template", type: "string", jsonPath: ".spec.template" },
    { name: "Subject", type: "string", jsonPath: ".spec.subject.kind" },
    { name: "Subject Name", type: "string", jsonPath: ".spec.subject.name" },
    { name: "Expires", type: "string", jsonPath: ".spec.expiresAt", priority: 1 },
    ...READY_COLUMNS,
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: ClusterRoleTemplateBinding
metadata:
  name: developers-see-nodes
  namespace: cluster-east
spec:
  template: nodes-view
  subject: { kind: Group, provider: corp, name: developers }
  expiresAt: "2030-01-01T00:00:00Z"
`,
});
export type ClusterRoleTemplateBinding = ObjectOf<typeof ClusterRoleTemplateBinding>;
