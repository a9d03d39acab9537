import { object, string } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { kind, type ObjectOf, READY_COLUMNS } from "../schema/kind.ts";
import { expiresAt } from "./binding.ts";
import { IMMUTABLE_ROLE, IMMUTABLE_SUBJECT, personOrGroup } from "./subject.ts";

/** Accepted: the binding counts. While it does not, it grants nothing. */
export const Accepted = condition("Accepted", "The binding is understood and counts; while it does not, it grants nothing.", {
  Accepted: "The binding is part of what the access operator compiles. Nothing to do.",
  RoleNotFound: "No GlobalRole has that name. Apply it; the binding then counts by itself.",
  RoleNotAccepted: "Nothing that the role grants is accepted. Read the role's Accepted condition; as soon as one grant is, it counts.",
  SubjectNotFound: "No User has that name. Apply the User; the binding then counts by itself.",
  SubjectDisabled: "The User is disabled. Enable the User, or delete the binding.",
  ProviderNotFound: "No AuthProvider has that name. Correct `subject.provider` in a new binding.",
  GroupNameRefused: "The group's name has control characters or spaces outside. Write it as the provider does.",
  WrittenUnguarded:
    "Made or changed while the hub's admission policies were not in force, so that nobody was refused. Check who wrote it; the message says how to confirm it.",
  Expired: "The end date has passed. Delete the binding, or apply one with a later `expiresAt`.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

export const GlobalRoleBinding = kind({
  kind: "GlobalRoleBinding",
  plural: "globalrolebindings",
  shortNames: ["dgrb"],
  scope: "Cluster",
  description: "Grants a GlobalRole to a user or a group. Written by people.",
  spec: object("Who gets which role, and until when.", {
    globalRole: string("The name of the GlobalRole.", { maxLength: 63, minLength: 1 }).immutable(IMMUTABLE_ROLE),
    subject: personOrGroup.immutable(IMMUTABLE_SUBJECT),
    expiresAt,
  }),
  conditions: [Accepted],
  ready: { of: [Accepted], intended: [Accepted.Expired, Accepted.SubjectDisabled] },
  columns: [
    { name: "Role", type: "string", jsonPath: ".spec.globalRole" },
    { name: "Subject", type: "string", jsonPath: ".spec.subject.kind" },
    { name: "Subject Name", type: "string", jsonPath: ".spec.subject.name" },
    { name: "Expires", type: "string", jsonPath: ".spec.expiresAt", priority: 1 },
    ...READY_COLUMNS,
  ],
  example: `apiVersion: drover.dev/v1alpha1
kind: GlobalRoleBinding
metadata:
  name: root-is-admin
spec:
  globalRole: admin
  subject: { kind: User, name: root }
`,
});
export type GlobalRoleBinding = ObjectOf<typeof GlobalRoleBinding>;
