// What only the hub has to guard: the namespaces that back clusters and projects, and the kinds that machines write.

import { ClusterMembers } from "../../crds/v1alpha1/clustermembers.ts";
import { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { User } from "../../crds/v1alpha1/user.ts";
import { GROUP, HUB, LABEL, PATH, SYSTEM_NAMESPACE } from "../access/names.ts";
import { type ReportedKind, reportedKinds } from "../components/agent-on-hub.ts";
import type { ComponentName } from "../components/components.ts";
import type { Kind, KubeObject } from "../kube/object.ts";
import { CLEANERS, type Guard, mayUse, text, USER } from "./policy.ts";

/** Not labelled as managed: these come with deploy/, and the hub's agent must not take them for its own. */
const labels = { "app.kubernetes.io/part-of": "drover" };

/** CEL: whoever asks is this component of Drover's. */
const account = (name: ComponentName): string => `${USER} == ${text(`system:serviceaccount:${SYSTEM_NAMESPACE}:${name}`)}`;
const isAgentOfNamespace = `${USER} == 'system:serviceaccount:' + request.?namespace.orValue('') + ':agent'`;
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

const LABELS = "oldObject.metadata.?labels.orValue({})";
const BACKS = [LABEL.backsCluster, LABEL.backsProject] as const;

/**
 * With such a namespace would go everybody's access to the cluster or project, and for the hub the way in to mend it. As with the Cluster `hub`
 * the garbage collector is not exempt. A policy cannot see whether the Cluster still stands; the label can be taken off a namespace
 * that backs nothing any more, and the operator puts it back where it does.
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

/** CEL about one `fields`, a fieldsV1: below f:metadata, the entries of `of` are all among those that the condition about `key` allows. */
const within = (of: string, condition: string): string =>
  `fields[?'f:metadata'][?${text(`f:${of}`)}].orValue({}).all(key, key == '.' || ${condition})`;

/**
 * RBAC knows no right to a Lease's spec alone. With its metadata an agent would keep its cluster's namespace from ever being deleted, or fill
 * the hub's etcd; so it would with managedFields of its own making, which the API server takes from whoever sends some.
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

/** CEL: the fields of the status as a map, whatever the kind. */
const statusOf = (object: string): string => `${object} == null ? {} : dyn(${object}).?status.orValue({})`;

/** CEL, of a field's name `key` in the status of a User. */
const OF_AUTH = "key in ['lastLoginTime', 'credential', 'loginGeneration']";

const WRITERS = "what is compiled and reported has one writer each";

/** Who writes the guarded parts of a kind's objects. CEL. */
interface Written {
  readonly kind: Kind<KubeObject>;
  readonly parts: readonly ("object" | "status")[];
  readonly by: string;
  /** Who writes the status too. Through it Kubernetes takes no metadata, so that this writer gives no object finalizers or owners. */
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

/** CEL of a map's entry: whether whoever asks is a writer of that resource. */
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
      // Groups are rights: auth notes when and with which password somebody logged in, and that all logins ended, and nothing else. A generation
      // that went back would give ended logins back.
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
