// Evaluates whether a namespace of the hub is Drover's own, for the namespaces of clusters and of projects. Pure.
import type { Namespace } from "../../lib/kube/core.ts";
import { hasLabels, type KubeObject, refOf } from "../../lib/kube/object.ts";
import type { Plan, Reading } from "../../lib/reconcile/contract.ts";

export interface Backing {
  readonly name: string;
  /** The labels that say what the namespace backs. */
  readonly labels: Readonly<Record<string, string>>;
  /** The UID in the subject's status: the namespace became ours. */
  readonly adoptedUID: string | undefined;
  readonly found: Reading<Namespace>;
  /** Objects in the namespace that Drover does not manage and that could give somebody permissions in it. */
  readonly unmanaged: readonly string[];
}

export interface Status {
  readonly namespaceUID?: string;
}

export type BackingResult =
  | { readonly is: "Ready"; readonly status: Status; readonly apply: readonly KubeObject[] }
  | {
      readonly is: "Creating" | "NameTaken" | "Unreadable";
      readonly status: Status;
      readonly apply: readonly KubeObject[];
      readonly message: string;
    };

/** What to do about the namespace of a subject that is not being deleted. */
export function evaluateBacking(backing: Backing): BackingResult {
  const { name, found, adoptedUID } = backing;
  const adopted = adoptedUID === undefined ? {} : { namespaceUID: adoptedUID };
  // The last-known-good UID stays while the namespace cannot be read: without it access would be revoked.
  if (found.is === "unreadable") return { is: "Unreadable", status: adopted, apply: [], message: found.because };
  if (found.is === "absent") return { is: "Creating", status: {}, apply: [desired(backing)], message: `waiting for namespace ${name}` };
  const namespace = found.value;
  const { uid = "" } = namespace.metadata;
  if (namespace.metadata.deletionTimestamp) {
    return {
      is: "Creating",
      status: uid === adoptedUID ? adopted : {},
      apply: [],
      message: `namespace ${name} is being deleted, and will be created again`,
    };
  }
  if (!isOurs(namespace, backing)) return { is: "NameTaken", status: {}, apply: [], message: takenBecause(namespace, backing) };
  const apply = [desired(backing)];
  if (namespace.status?.phase !== "Active") return { is: "Creating", status: {}, apply, message: `waiting for namespace ${name}` };
  return { is: "Ready", status: { namespaceUID: uid }, apply };
}

/** Keeps the namespace of a subject that is not being deleted, and reports it in the condition of this type. */
export function keepBacking(backing: Backing, type: string): Plan<Status> {
  const result = evaluateBacking(backing);
  const { apply, status, is: reason } = result;
  if (result.is === "Ready") return { apply, status, conditions: [{ type, status: "True", reason, message: "" }], finalizer: "hold" };
  const condition = { type, status: result.is === "Unreadable" ? "Unknown" : "False", reason, message: result.message } as const;
  // Drover does not delete a namespace of somebody else.
  return { apply, status, conditions: [condition], finalizer: result.is === "NameTaken" ? "none" : "hold" };
}

/**
 * What to do about the namespace of a subject that is being deleted: it is deleted too, if it is Drover's. `until`: the finalizer is released
 * once the namespace is gone, or already while it is being deleted, where another reconciler waits for its end.
 */
export function removeBacking(backing: Backing, until: "gone" | "going" = "gone"): Pick<Plan<Status>, "remove" | "finalizer"> {
  const { found } = backing;
  if (found.is === "unreadable") return { finalizer: "hold" };
  if (found.is === "absent" || !isOurs(found.value, backing)) return { finalizer: "release" };
  if (until === "going" && found.value.metadata.deletionTimestamp !== undefined) return { finalizer: "release" };
  return { remove: [refOf(found.value)], finalizer: "hold" };
}

/** Conditions of a namespace whose deletion needs help: finalizers remain, or objects could not be listed or deleted. */
const NEEDS_HELP = [
  "NamespaceFinalizersRemaining",
  "NamespaceDeletionContentFailure",
  "NamespaceDeletionDiscoveryFailure",
  "NamespaceDeletionGroupVersionParsingFailure",
];

/** "namespace x: why it is still there", for each namespace whose deletion does not finish by itself. */
export function heldBecause(namespaces: readonly Namespace[]): readonly string[] {
  return namespaces.flatMap(({ metadata, status }) => {
    const why = (status?.conditions ?? []).filter(({ type, status: is }) => is === "True" && NEEDS_HELP.includes(type));
    return why.length === 0 ? [] : [`namespace ${metadata.name}: ${why.map(({ message }) => message).join("; ")}`];
  });
}

/**
 * Once adopted (that very namespace, by UID), what users put into it later changes nothing. Before that it must be labelled
 * and contain nothing that gives anybody permissions in it: whoever prepared it would keep them.
 */
function isOurs(namespace: Namespace, { adoptedUID, unmanaged, labels }: Backing): boolean {
  if (namespace.metadata.uid === adoptedUID) return true;
  return unmanaged.length === 0 && hasLabels(namespace, labels);
}

function takenBecause(namespace: Namespace, { name, labels, unmanaged }: Backing): string {
  const missing = Object.entries(labels).filter(([key, value]) => namespace.metadata.labels?.[key] !== value);
  const why =
    missing.length > 0
      ? `it lacks ${missing.map(([key, value]) => `the label ${key}: ${value}`).join(" and ")}`
      : `it contains what may give others permissions in it, remove these first: ${listed(unmanaged)}`;
  return `namespace ${name} is not Drover's: ${why}`;
}

const listed = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");

const desired = ({ name, labels }: Backing): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
