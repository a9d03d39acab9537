// Guards that only the hub has: for the namespaces that back clusters and projects, and for the kinds that Drover's own processes write.

import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { GROUP, HUB, LABEL, PATH, SYSTEM_NAMESPACE } from "../access/names.ts";
import { type ReportedKind, reportedKinds } from "../components/agent-on-hub.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import { account, CLEANERS, type Guard, mayUse, text, USER } from "./policy.ts";

/** Not labelled as managed: these are part of deploy/, and the hub's agent must not treat them as its own objects. */
const labels = { "app.kubernetes.io/part-of": "drover" };

const isAgentOfNamespace = `${USER} == 'system:serviceaccount:' + request.?namespace.orValue('') + ':agent'`;
const mayManage = mayUse(text(PATH.managedObjects));

const BACKING_NAME = "object.metadata.name.startsWith('cluster-') || object.metadata.name.startsWith('project-')";

/** Otherwise somebody could create such a namespace, with their own RBAC in it, before the cluster or project exists. */
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

const LABELS = "oldObject.metadata.?labels.orValue({})";
const BACKS = [LABEL.backsCluster, LABEL.backsProject] as const;

/**
 * Deleting such a namespace would end all access to the cluster or project; for the hub, also the access that is needed to repair it. The garbage
 * collector is not exempt, as for the Cluster `hub`. A policy cannot see whether the Cluster still exists: when a namespace backs nothing any
 * more, its label can be removed; where it does back something, the operator sets the label again.
 */
export const namespaceDeletion: Guard = {
  name: "drover-backing-namespace-deletion",
  labels,
  matches: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["namespaces"], operations: ["DELETE"] }],
  unless: { operator: account("operator-clusters") },
  rules: [
    {
      expression: `!(${BACKS.map((label) => `${text(label)} in ${LABELS}`).join(" || ")})`,
      message:
        `'namespace ' + oldObject.metadata.name + ' backs ' + (${text(LABEL.backsProject)} in ${LABELS} ? 'a Project' : 'a Cluster') + ` +
        `'; delete that instead, and its namespace goes with it; if there is none any more, take the label off first: ' + ` +
        `'kubectl label namespace ' + oldObject.metadata.name + ' ${LABEL.backsCluster}- ${LABEL.backsProject}-'`,
    },
    {
      expression: `oldObject.metadata.name != ${text(SYSTEM_NAMESPACE)}`,
      message: text(
        `namespace ${SYSTEM_NAMESPACE} holds Drover itself, with everybody's passwords; to uninstall Drover, delete its guards first: ` +
          "kubectl delete -k deploy/bases/guards",
      ),
    },
  ],
};

const LONGEST = 64;
const own = (field: string, none: string, object = "object"): string => `${object}.metadata.?${field}.orValue(${none})`;
const unchanged = (field: string, none: string): string => `${own(field, none)} == ${own(field, none, "oldObject")}`;
const LEASE_FIELDS = [
  "holderIdentity",
  "leaseDurationSeconds",
  "acquireTime",
  "renewTime",
  "leaseTransitions",
  "strategy",
  "preferredHolder",
];

/** CEL about `fields`, a fieldsV1: below f:metadata, all entries of `of` meet the condition about `key`. */
const within = (of: string, condition: string): string =>
  `fields[?'f:metadata'][?${text(`f:${of}`)}].orValue({}).all(key, key == '.' || ${condition})`;

/**
 * RBAC has no permission for the spec of a Lease alone. Through the metadata an agent could prevent the deletion of its cluster's namespace, or fill
 * the hub's etcd. It could do the latter with invented managedFields too, because the API server accepts those that a client sends.
 */
export const agentLeases: Guard = {
  name: "drover-agent-leases",
  labels,
  matches: [{ apiGroups: ["coordination.k8s.io"], apiVersions: ["v1"], resources: ["leases"], operations: ["CREATE", "UPDATE", "DELETE"] }],
  only: { agents: `request.namespace.startsWith('cluster-') && ${isAgentOfNamespace}` },
  variables: {
    managed: "dyn(object).metadata.?managedFields.orValue([]).map(entry, entry.?fieldsV1.orValue({}))",
  },
  rules: [
    {
      expression:
        "request.operation == 'UPDATE' && " +
        [unchanged("labels", "{}"), unchanged("annotations", "{}"), unchanged("ownerReferences", "[]"), unchanged("finalizers", "[]")].join(
          " && ",
        ),
      message: text("an agent changes the spec of its Lease only, to say that it is there"),
    },
    {
      expression: ["holderIdentity", "preferredHolder", "strategy"]
        .map((field) => `object.spec.?${field}.orValue('').size() <= ${LONGEST}`)
        .join(" && "),
      message: text(`no text in the Lease of an agent is longer than ${LONGEST} characters`),
    },
    {
      expression:
        "variables.managed.all(fields, " +
        [
          "fields.all(key, key in ['f:metadata', 'f:spec'])",
          `fields[?'f:spec'].orValue({}).all(key, key in [${LEASE_FIELDS.map((field) => text(`f:${field}`)).join(", ")}] && fields['f:spec'][key] == {})`,
          "fields[?'f:metadata'].orValue({}).all(key, key in ['f:labels', 'f:annotations', 'f:finalizers', 'f:ownerReferences'])",
          within("labels", `key.replace('f:', '', 1) in ${own("labels", "{}")}`),
          within("annotations", `key.replace('f:', '', 1) in ${own("annotations", "{}")}`),
          within("finalizers", `${own("finalizers", "[]")}.exists(name, key == 'v:"' + name + '"')`),
          within("ownerReferences", `${own("ownerReferences", "[]")}.exists(owner, key == 'k:{"uid":"' + owner.uid + '"}')`),
        ].join(" && ") +
        ")",
      message: text("an agent does not make up managedFields: none speaks of a field that the Lease does not have"),
    },
  ],
};

/** Whoever could create a Token or an Identity could act as any user. No permission allows it, not even an administrator's. */
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

/** CEL: the fields of the status as a map, whatever the kind. */
const statusOf = (object: string): string => `${object} == null ? {} : dyn(${object}).?status.orValue({})`;

/** CEL about `key`, the name of a field in the status of a User: auth writes it. */
const OF_AUTH = "key in ['lastLoginTime', 'credential', 'loginGeneration']";

const WRITERS = "what is compiled and reported has one writer each";

/** Who writes the guarded parts of a kind's objects. CEL. */
interface Written {
  readonly kind: Kind<KubeObject>;
  readonly parts: readonly ("object" | "status")[];
  readonly by: string;
  /** Who writes the status too. The API server ignores metadata in a change of a status, so this writer can set no finalizers or owners. */
  readonly status?: string;
}

const WRITTEN: readonly Written[] = [
  { kind: ClusterMembers, parts: ["object"], by: account("operator-access") },
  { kind: ClusterRegistration, parts: ["object", "status"], by: account("operator-clusters"), status: account("auth") },
  { kind: User, parts: ["status"], by: `${account("operator-identity")} || (${account("auth")} && variables.onlyLogin)` },
  { kind: ClusterRoleTemplate, parts: ["status"], by: account("operator-access") },
];

const reported = ({ kind, name, writer }: ReportedKind): Written => ({
  kind,
  parts: ["object", "status"],
  by: account(writer),
  status: name === undefined ? isAgentOfNamespace : `${isAgentOfNamespace} && request.name == ${text(name)}`,
});

const resourcesOf = ({ kind, parts }: Written): readonly string[] =>
  parts.map((part) => (part === "object" ? kind.plural : `${kind.plural}/status`));

/** An entry of a CEL map: whether the request comes from a writer of that kind. */
const writersOf = ({ kind, by, status }: Written): string =>
  `${text(kind.plural)}: ${status === undefined ? by : `${by} || (variables.status && ${status})`}`;

/** A wildcard over resources on the hub must not include what the proxy and agents rely on. */
export const compiledKinds: Guard = compiledKindsWith(reportedKinds());

export function compiledKindsWith(reports: readonly ReportedKind[]): Guard {
  const written = [...reports.map(reported), ...WRITTEN];
  return {
    name: "drover-compiled-kinds",
    labels,
    matches: [
      {
        apiGroups: [GROUP],
        apiVersions: ["*"],
        resources: written.flatMap(resourcesOf),
        operations: ["CREATE", "UPDATE", "DELETE"],
      },
    ],
    unless: { cleaner: CLEANERS },
    variables: {
      status: "request.?subResource.orValue('') == 'status'",
      before: statusOf("oldObject"),
      now: statusOf("object"),
      // Groups give access. Auth therefore writes only when and with which password a user logged in, and that all logins ended. A lower
      // generation would make ended logins valid again.
      onlyLogin:
        `variables.now.all(key, ${OF_AUTH} || (key in variables.before && variables.before[key] == variables.now[key])) && ` +
        `variables.before.all(key, ${OF_AUTH} || key in variables.now) && ` +
        "int(variables.now.?loginGeneration.orValue(0)) >= int(variables.before.?loginGeneration.orValue(0))",
      writers: `{\n  ${written.map(writersOf).join(",\n  ")}\n}`,
    },
    rules: [
      {
        expression: `variables.writers[request.resource.resource] || ${mayManage}`,
        message: `request.resource.resource + ' are written by Drover itself (${WRITERS}); changing them needs the right to use ${PATH.managedObjects}'`,
      },
    ],
  };
}

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
 * Deleting this Cluster would end all access to the hub, also that of administrators. The garbage collector is not exempt: otherwise whoever may set an
 * owner on the Cluster could have it deleted. The deletion of the kind, its CRD, passes no guard, so Drover can be uninstalled.
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

/** After a restore of the hub, agents grant what they held back once this time is later. Grants that were revoked after the backup come back with it. */
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
