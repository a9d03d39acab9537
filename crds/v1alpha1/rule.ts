// Rules and capabilities: what a template grants.
import { array, choice, object, string } from "../schema/builders.ts";

const words = (description: string, each: string, maxLength: number, maxItems: number) =>
  array(description, string(each, { maxLength, minLength: 0 }), { maxItems });

/** A rule as in an RBAC Role. No non-resource paths: Drover's own powers are paths, and are given out as capabilities only. */
export const policyRule = object("A rule, as in an RBAC Role.", {
  apiGroups: words('API groups; "" is the core group, "*" all.', "An API group.", 253, 50),
  resources: words('Resources and subresources such as pods and pods/log; "*" is all.', "A resource.", 253, 100),
  resourceNames: words("Only the objects of these names. Absent: all.", "An object's name.", 253, 100).optional(),
  verbs: array('Verbs; "*" is all.', string("A verb.", { maxLength: 63, minLength: 1 }), { maxItems: 50, minItems: 1 }),
});

/** Drover's own powers, each with a fixed meaning; no wildcard in a rule includes them. */
export const CAPABILITIES = [
  "ViewCluster",
  "ManageMembers",
  "CreateProjects",
  "ManageProjects",
  "CreateNamespaces",
  "ClaimNamespaces",
  "ChangePodSecurity",
  "ManageNetworkPolicies",
  "ManageNodes",
  "ManageWorkloads",
  "RequestAccess",
  "AdministerHub",
  "CreateClusters",
  "ManageUsers",
  "ManageRoles",
  "ManageProviders",
  "Audit",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** The others can be written, and give nothing in this version. */
export const CAPABILITIES_IN_EFFECT: readonly Capability[] = ["CreateNamespaces", "ClaimNamespaces", "ChangePodSecurity", "AdministerHub"];

export const capability = choice("One of Drover's own powers.", CAPABILITIES);
