// What only the hub has to guard: the namespaces that back clusters and projects, and the kinds that machines write.
import { GROUP, HUB, LABEL, PATH, SYSTEM_NAMESPACE } from "../names.ts";
import { CLEANERS, type Guard, mayUse, text, USER } from "./policy.ts";

/** Not labelled as managed: these come with deploy/, and the hub's agent must not take them for its own. */
const labels = { "app.kubernetes.io/part-of": "drover" };

const account = (name: string): string => `${USER} == ${text(`system:serviceaccount:${SYSTEM_NAMESPACE}:${name}`)}`;
const isAgentOfNamespace = `${USER} == 'system:serviceaccount:' + request.namespace + ':agent'`;
const mayManage = mayUse(text(PATH.managedObjects));

const BACKING_NAME = "object.metadata.name.startsWith('cluster-') || object.metadata.name.startsWith('project-')";

/** Nobody prepares such a namespace, with RBAC of his own inside, before the cluster or project exists. */
export const backingNamespaces: Guard = {
  name: "drover-backing-namespaces",
  labels,
  matches: [
    {
      apiGroups: [""],
      apiVersions: ["v1"],
      resources: ["namespaces", "namespaces/status", "namespaces/finalize"],
      operations: ["CREATE", "UPDATE"],
    },
  ],
  variables: { backing: BACKING_NAME },
  rules: [
    {
      expression: `oldObject != null || !variables.backing || ${mayUse(text(PATH.backingNamespaces))}`,
      message: text(
        `namespaces named cluster-… and project-… back Drover's clusters and projects; making one needs the right to use ${PATH.backingNamespaces}`,
      ),
    },
    {
      expression: `!variables.backing || !(${text(LABEL.project)} in object.metadata.?labels.orValue({}))`,
      message: `'namespace ' + object.metadata.name + ' can be in no project: its name says that it backs a cluster or a project'`,
    },
  ],
};

/** Whoever makes a Token or an Identity is whom he likes. No right opens this, not even the administrator's. */
export const credentials: Guard = {
  name: "drover-credentials",
  labels,
  matches: [{ apiGroups: [GROUP], apiVersions: ["*"], resources: ["tokens", "identities"], operations: ["CREATE"] }],
  rules: [
    {
      expression: account("auth"),
      message: `request.resource.resource + ' are made by Drover\\'s auth alone, when somebody logs in; no right allows it'`,
    },
  ],
};

const WRITERS = "what is compiled and reported has one writer each";

/** A wildcard over resources on the hub must not include what proxies and agents believe. */
export const compiledKinds: Guard = {
  name: "drover-compiled-kinds",
  labels,
  matches: [
    {
      apiGroups: [GROUP],
      apiVersions: ["*"],
      resources: [
        "accesssets",
        "accesssets/status",
        "clustermembers",
        "clusterregistrations",
        "clusterregistrations/status",
        "clusterreports",
        "clusterreports/status",
        "clusternodes",
        "clusternodes/status",
      ],
      operations: ["CREATE", "UPDATE", "DELETE"],
    },
  ],
  unless: { cleaner: CLEANERS },
  variables: {
    writers: `{
  'accesssets': ${account("operator-access")} || (request.?subResource.orValue('') == 'status' && ${isAgentOfNamespace}),
  'clustermembers': ${account("operator-access")},
  'clusterregistrations': ${account("operator-clusters")} || (request.?subResource.orValue('') == 'status' && ${account("auth")}),
  'clusterreports': ${account("operator-clusters")} || ${isAgentOfNamespace},
  'clusternodes': ${account("operator-clusters")} || ${isAgentOfNamespace}
}`,
  },
  rules: [
    {
      expression: `variables.writers[request.resource.resource] || ${mayManage}`,
      message: `request.resource.resource + ' are written by Drover itself (${WRITERS}); changing them needs the right to use ${PATH.managedObjects}'`,
    },
  ],
};

const IS_HUB = `object.metadata.?labels[?${text(LABEL.hub)}].orValue('')`;

/** Selectors find the hub by this label; another cluster must not pass for it. */
export const hubLabel: Guard = {
  name: "drover-hub-label",
  labels,
  matches: [{ apiGroups: [GROUP], apiVersions: ["*"], resources: ["clusters", "clusters/status"], operations: ["CREATE", "UPDATE"] }],
  rules: [
    {
      expression: `object.metadata.name == ${text(HUB)} ? (${IS_HUB} == 'true' || ${mayManage}) : ${IS_HUB} == ''`,
      message: text(`the label ${LABEL.hub}: "true" is on the Cluster \`${HUB}\`, which keeps it, and on no other`),
    },
  ],
};

/**
 * With it would go everybody's access to the hub, the administrators' included. The garbage collector is not exempt: whoever may write an
 * owner onto the Cluster would have it deleted. Deleting the kind itself, its CRD, asks no guard, so Drover can be taken away.
 */
export const hubCluster: Guard = {
  name: "drover-hub-cluster",
  labels,
  matches: [{ apiGroups: [GROUP], apiVersions: ["*"], resources: ["clusters"], operations: ["DELETE"] }],
  rules: [
    {
      expression: `oldObject.metadata.name != ${text(HUB)}`,
      message: text(
        `the Cluster \`${HUB}\` is the hub itself: with it everybody's access to the hub would end, so nobody deletes it; ` +
          "to uninstall Drover, delete its guards or its CustomResourceDefinitions first",
      ),
    },
  ],
};

/** What agents hold back after a restore of the hub they grant once this time is later: withdrawn rights come back with it. */
export const restoreAcceptance: Guard = {
  name: "drover-restore-acceptance",
  labels,
  matches: [{ apiGroups: [GROUP], apiVersions: ["*"], resources: ["clusters", "clusters/status"], operations: ["CREATE", "UPDATE"] }],
  variables: {
    said: "object.spec.?restoreAcceptedAt",
    before: "oldObject == null ? optional.none() : oldObject.spec.?restoreAcceptedAt",
  },
  rules: [
    {
      expression: `variables.said == variables.before || ${mayUse(text(PATH.acceptRestore))}`,
      message: text(
        `restoreAcceptedAt gives back what was withdrawn after a backup of the hub; changing it needs the right to use ${PATH.acceptRestore}`,
      ),
    },
  ],
};
