// Which project a namespace belongs to decides who may do what in it, so its labels are rights.
// The subresources change labels as well as the namespace itself does, therefore all three are matched.
import { LABEL, MANAGED_BY, PATH, PROJECT_UID_ANNOTATION, PROXY_NAMESPACE, SYSTEM_NAMESPACE, USER_PREFIX } from "../access/names.ts";
import { account, type Guard, mayUse, text, USER } from "./policy.ts";

const NEVER_IN_A_PROJECT = ["kube-system", "kube-public", "kube-node-lease", SYSTEM_NAMESPACE, PROXY_NAMESPACE];
const POD_SECURITY = "pod-security.kubernetes.io/";
const DROVER = "drover.dev/";

const readFrom = (object: string, map: "labels" | "annotations", key: string): string =>
  `${object} == null ? '' : ${object}.metadata.?${map}[?${text(key)}].orValue('')`;
const labelsOf = (object: string): string => `${object} == null ? {} : ${object}.metadata.?labels.orValue({})`;

/** CEL: the labels that the condition (about `key`) chooses are now what they were. */
const same = (condition: string): string =>
  `variables.now.all(key, !(${condition}) || (key in variables.old && variables.old[key] == variables.now[key])) && ` +
  `variables.old.all(key, !(${condition}) || key in variables.now)`;

const isBacking = `key in [${text(LABEL.backsCluster)}, ${text(LABEL.backsProject)}]`;
const isOtherOfOurs = `key.startsWith(${text(DROVER)}) && key != ${text(LABEL.project)} && !(${isBacking})`;
const projectPath = (variable: string): string => {
  const [before, after] = PATH.projectNamespaces("|").split("|");
  return `${text(before ?? "")} + variables.${variable} + ${text(after ?? "")}`;
};

export const namespaces: Guard = {
  name: "drover-namespaces",
  labels: MANAGED_BY,
  matches: [
    {
      apiGroups: [""],
      apiVersions: ["v1"],
      resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
      operations: ["CREATE", "UPDATE"],
    },
  ],
  unless: { agent: account("agent") },
  variables: {
    old: labelsOf("oldObject"),
    now: labelsOf("object"),
    from: readFrom("oldObject", "labels", LABEL.project),
    to: readFrom("object", "labels", LABEL.project),
    uidFrom: readFrom("oldObject", "annotations", PROJECT_UID_ANNOTATION),
    uidTo: readFrom("object", "annotations", PROJECT_UID_ANNOTATION),
    person: `${USER}.startsWith(${text(USER_PREFIX)})`,
  },
  rules: [
    {
      expression: `variables.to == '' || variables.to == variables.from || ${mayUse(projectPath("to"))}`,
      message: `'putting a namespace into project ' + variables.to + ' needs the right to use ' + ${projectPath("to")}`,
    },
    {
      expression: `variables.from == '' || variables.to == variables.from || ${mayUse(projectPath("from"))}`,
      message: `'taking a namespace out of project ' + variables.from + ' needs the right to use ' + ${projectPath("from")}`,
    },
    {
      // Out of a project counts as well: there its policies end, while what runs in it stays.
      expression: `oldObject == null || (variables.from == '') == (variables.to == '') || ${mayUse(text(PATH.claimNamespaces))}`,
      message: text(`taking an existing namespace into a project, or out of all projects, needs the right to use ${PATH.claimNamespaces}`),
    },
    {
      expression: `oldObject != null || variables.to != '' || !variables.person || ${mayUse(text(PATH.claimNamespaces))}`,
      message: text(
        `making a namespace outside all projects needs the right to use ${PATH.claimNamespaces}; label it ${LABEL.project}: <project>`,
      ),
    },
    {
      expression:
        `variables.to == '' || !(object.metadata.name in [${NEVER_IN_A_PROJECT.map(text).join(", ")}] || ` +
        `variables.now.exists(key, ${isBacking}))`,
      message: `'namespace ' + object.metadata.name + ' can be in no project'`,
    },
    {
      expression: `(${same(isBacking)}) || ${mayUse(text(PATH.backingNamespaces))}`,
      message: text(
        `the labels ${LABEL.backsCluster} and ${LABEL.backsProject} of a namespace need the right to use ${PATH.backingNamespaces}`,
      ),
    },
    {
      expression: `(${same(isOtherOfOurs)}) && variables.uidFrom == variables.uidTo || ${mayUse(text(PATH.managedObjects))}`,
      message: text(
        `labels ${DROVER}… and the annotation ${PROJECT_UID_ANNOTATION} of a namespace are Drover's own; changing them needs the right to use ${PATH.managedObjects}`,
      ),
    },
    {
      expression:
        `(variables.from == '' && variables.to == '' && !variables.person) || ` +
        `(${same(`key.startsWith(${text(POD_SECURITY)})`)}) || ${mayUse(text(PATH.podSecurity))}`,
      message: text(`labels ${POD_SECURITY}… of a project's namespace need the right to use ${PATH.podSecurity}`),
    },
  ],
};
