// When a namespace of the hub is Drover's own: the one judgement behind the namespaces of clusters and of projects. Pure.
import type { Namespace } from "../../lib/kube/core.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import type { Plan, Reading } from "../../lib/reconcile/contract.ts";

export interface Backing {
  readonly name: string;
  /** The labels that say what the namespace backs. */
  readonly labels: Readonly<Record<string, string>>;
  /** The UID in the subject's status: the namespace became ours. */
  readonly adoptedUID: string | undefined;
  readonly found: Reading<Namespace>;
  /** What lies in the namespace and could carry somebody's rights into it. */
  readonly foreign: readonly string[];
}

export interface Status {
  readonly namespaceUID?: string;
}

export type Verdict =
  | { readonly is: "Ready"; readonly status: Status; readonly apply: readonly KubeObject[] }
  | {
      readonly is: "Creating" | "NameTaken" | "Unreadable";
      readonly status: Status;
      readonly apply: readonly KubeObject[];
      readonly message: string;
    };

/** What to do about the namespace of a subject that stays. */
export function judgeBacking(backing: Backing): Verdict {
  const { name, found, adoptedUID } = backing;
  const known = adoptedUID === undefined ? {} : { namespaceUID: adoptedUID };
  // What could not be read is as it was last known: forgetting the UID would withdraw access.
  if (found.is === "unreadable") return { is: "Unreadable", status: known, apply: [], message: found.because };
  if (found.is === "absent") return { is: "Creating", status: {}, apply: [desired(backing)], message: `waiting for namespace ${name}` };
  const namespace = found.value;
  const { uid = "" } = namespace.metadata;
  if (namespace.metadata.deletionTimestamp) {
    return {
      is: "Creating",
      status: uid === adoptedUID ? known : {},
      apply: [],
      message: `namespace ${name} is going, and will be made anew`,
    };
  }
  if (!isOurs(namespace, backing)) return { is: "NameTaken", status: {}, apply: [], message: takenBecause(namespace, backing) };
  const apply = [desired(backing)];
  if (namespace.status?.phase !== "Active") return { is: "Creating", status: {}, apply, message: `waiting for namespace ${name}` };
  return { is: "Ready", status: { namespaceUID: uid }, apply };
}

/**
 * What to do about the namespace of a subject that is going: it goes too, if it is ours. `until`: what lets the subject go, that the namespace
 * is gone, or already that it is going, where somebody else waits for its end.
 */
export function removeBacking(backing: Backing, until: "gone" | "going" = "gone"): Pick<Plan<Status>, "remove" | "finalizer"> {
  const { found, name } = backing;
  if (found.is === "unreadable") return { finalizer: "hold" };
  if (found.is === "absent" || !isOurs(found.value, backing)) return { finalizer: "release" };
  const { uid, deletionTimestamp } = found.value.metadata;
  if (until === "going" && deletionTimestamp !== undefined) return { finalizer: "release" };
  return { remove: [{ apiVersion: "v1", kind: "Namespace", name, ...(uid !== undefined && { uid }) }], finalizer: "hold" };
}

/** What Kubernetes says of a namespace that is going when it needs somebody's help: finalizers, or what could not be listed or deleted. */
const NEEDS_HELP = [
  "NamespaceFinalizersRemaining",
  "NamespaceDeletionContentFailure",
  "NamespaceDeletionDiscoveryFailure",
  "NamespaceDeletionGroupVersionParsingFailure",
];

/** "namespace x: why it is still there", of those that do not go by themselves. */
export function heldBecause(namespaces: readonly Namespace[]): readonly string[] {
  return namespaces.flatMap(({ metadata, status }) => {
    const why = (status?.conditions ?? []).filter(({ type, status: is }) => is === "True" && NEEDS_HELP.includes(type));
    return why.length === 0 ? [] : [`namespace ${metadata.name}: ${why.map(({ message }) => message).join("; ")}`];
  });
}

/**
 * Once adopted (that very namespace, by UID), what people put into it later does not make it foreign. Before that it must be labelled
 * and hold nothing that gives anybody rights in it: whoever prepared it would keep them.
 */
function isOurs(namespace: Namespace, { adoptedUID, foreign, labels }: Backing): boolean {
  if (namespace.metadata.uid === adoptedUID) return true;
  return foreign.length === 0 && Object.entries(labels).every(([key, value]) => namespace.metadata.labels?.[key] === value);
}

function takenBecause(namespace: Namespace, { name, labels, foreign }: Backing): string {
  const missing = Object.entries(labels).filter(([key, value]) => namespace.metadata.labels?.[key] !== value);
  const why =
    missing.length > 0
      ? `it lacks ${missing.map(([key, value]) => `the label ${key}: ${value}`).join(" and ")}`
      : `it holds what may give others rights in it: ${listed(foreign)}`;
  return `namespace ${name} is not ours: ${why}`;
}

const listed = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");

const desired = ({ name, labels }: Backing): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
