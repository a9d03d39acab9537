import { object } from "../schema/builders.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { Accepted, expiresAt, template } from "./binding.ts";
import { anySubject, IMMUTABLE_SUBJECT } from "./subject.ts";

export { Accepted } from "./binding.ts";

export const ProjectRoleTemplateBinding = kind({
  kind: "ProjectRoleTemplateBinding",
  plural: "projectroletemplatebindings",
  shortNames: ["prtb"],
  scope: "Namespaced",
  description: "Grants a template of context Project in one project; lives in the project's namespace. Written by people.",
  spec: object("Who gets which template, and until when.", {
    template,
    subject: anySubject.immutable(IMMUTABLE_SUBJECT),
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
kind: ProjectRoleTemplateBinding
metadata:
  name: alice-reads
  namespace: project-east--web
spec:
  template: pod-reader
  subject: { kind: User, name: alice }
  expiresAt: "2030-01-01T00:00:00Z"
`,
});
export type ProjectRoleTemplateBinding = ObjectOf<typeof ProjectRoleTemplateBinding>;
