// RBAC that names Drover's identities, or that Drover manages, is written by the agent alone: otherwise somebody in a project could bind
// themselves or a friend in a way that outlives their own access.
import { MANAGED_BY, PATH } from "../access/names.ts";
import { account, CLEANERS, type Guard, mayUse, text } from "./policy.ts";

const isOurs = (object: string): string =>
  `${object} != null && (` +
  `${object}.metadata.name.startsWith('drover:') || ` +
  `${object}.metadata.?labels[?'app.kubernetes.io/managed-by'].orValue('') == ${text(MANAGED_BY["app.kubernetes.io/managed-by"])})`;

const namesPeople = (object: string): string =>
  `${object} != null && has(${object}.subjects) && ${object}.subjects.exists(subject, subject.name.startsWith('drover:'))`;

export const managedObjects: Guard = {
  name: "drover-managed-objects",
  labels: MANAGED_BY,
  matches: [
    {
      apiGroups: ["rbac.authorization.k8s.io"],
      apiVersions: ["v1"],
      resources: ["roles", "rolebindings", "clusterroles", "clusterrolebindings"],
      operations: ["CREATE", "UPDATE", "DELETE"],
    },
  ],
  unless: { agent: account("agent"), cleaner: CLEANERS },
  variables: {
    ours: `(${isOurs("object")}) || (${isOurs("oldObject")})`,
    namesPeople: `(${namesPeople("object")}) || (${namesPeople("oldObject")})`,
    allowed: mayUse(text(PATH.managedObjects)),
  },
  rules: [
    {
      expression: "!variables.namesPeople || variables.allowed",
      message: text(
        `only Drover's agent writes bindings whose subjects begin with drover:, from Drover's own bindings on the hub; writing one here needs the right to use ${PATH.managedObjects}`,
      ),
    },
    {
      expression: "!variables.ours || variables.allowed",
      message: text(
        `RBAC objects named drover:… or labelled app.kubernetes.io/managed-by: drover are Drover's own; changing them needs the right to use ${PATH.managedObjects}`,
      ),
    },
  ],
};
