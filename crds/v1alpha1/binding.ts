// What bindings in clusters and in projects have in common.
import { string, time } from "../schema/builders.ts";
import { condition } from "../schema/condition.ts";
import { IMMUTABLE_ROLE } from "./subject.ts";

/** Accepted: the binding counts. While it does not, it grants nothing. */
export const Accepted = condition("Accepted", "The binding is understood and counts; while it does not, it grants nothing.", {
  Accepted: "The binding is part of what the access operator compiles. Nothing to do.",
  TemplateNotFound: "No ClusterRoleTemplate has that name. Apply the template; the binding then counts by itself.",
  TemplateNotAccepted: "The template is not accepted itself. Read its condition Accepted and correct the template.",
  ContextMismatch: "A template for projects in a cluster, or the other way round. Use a template whose `context` fits.",
  TooBroadForHub:
    "On the hub a wildcard or an external ClusterRole could include all that Drover stands on. Grant a template that lists API groups and resources, or one with the capability AdministerHub.",
  SubjectNotFound: "No User has that name. Apply the User; the binding then counts by itself.",
  SubjectDisabled: "The User is disabled. Enable the User, or delete the binding.",
  ProviderNotFound: "No AuthProvider has that name. Correct `subject.provider` in a new binding.",
  GroupNameRefused: "The group's name has control characters or spaces outside. Write it as the provider does.",
  SubjectNotAllowed: "A ServiceAccount of Kubernetes' or Drover's own namespaces. Bind an account of the project's own namespaces.",
  WrittenUnguarded:
    "Made or changed while the hub's admission policies were not in force, so that nobody was refused. Check who wrote it; the message says how to confirm it.",
  Expired: "The end date has passed. Delete the binding, or apply one with a later `expiresAt`.",
  ScopeNotFound: "The namespace backs no cluster or project. Put the binding into the namespace of one.",
  TooManySubjects: "Too many single subjects are bound to this template here. Bind a group instead of single users.",
  Unreadable: "The API server did not answer; this is retried automatically.",
});

export const template = string("The name of the ClusterRoleTemplate that is granted.", { maxLength: 63, minLength: 1 }).immutable(
  IMMUTABLE_ROLE,
);

export const expiresAt = time("When the grant ends by itself. Absent: never.").optional();
