/** Metadata of every Kubernetes object. Times are RFC 3339 strings as the API server sent them, never Dates. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: "Apply" | "Update";
  readonly subresource?: string;
  /** RFC 3339, whole seconds, by the API server's clock. */
  readonly time?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** A condition as in metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

/** A kind of object, with what is needed to build its URLs. T is the type of its objects. */
export interface Kind<T extends KubeObject> {
  /** "v1" or "<group>/<version>" */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Of kinds with condition Ready: what it sums up. */
  readonly ready?: ReadySummary;
  /** Never set; carries the type of the objects. */
  readonly shape?: T;
}

/** How condition Ready of a kind follows from its other conditions. */
export interface ReadySummary {
  /** Types of the conditions that count. Where several are equally bad, the first one gives the reason. */
  readonly of: readonly string[];
  /** Reasons of conditions that are not True because the spec asks for it: they do not keep an object from being ready. */
  readonly intended: readonly string[];
}

/** Names one object of a given kind. */
export interface Key {
  readonly name: string;
  readonly namespace?: string;
}

/** Names one object with its kind. With a uid it means exactly that object, not a later one of the same name. */
export interface ObjectRef extends Key {
  readonly apiVersion: string;
  readonly kind: string;
  readonly uid?: string;
}

/** A rule as in rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

export const keyOf = (object: KubeObject): Key =>
  object.metadata.namespace === undefined
    ? { name: object.metadata.name }
    : { name: object.metadata.name, namespace: object.metadata.namespace };

/** "namespace/name", or "name" for a cluster-scoped object: the form used in maps, logs and messages. */
export const keyString = (key: Key): string => (key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`);

/** With the UID where it is known: somebody else's object that takes the name meanwhile is not meant. */
export const refOf = (object: KubeObject): ObjectRef => {
  const { apiVersion, kind, metadata } = object;
  return { apiVersion, kind, ...keyOf(object), ...(metadata.uid !== undefined && { uid: metadata.uid }) };
};

export const hasLabels = ({ metadata }: KubeObject, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value);

/** As a list request takes it. */
export const selectorOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");

/** Whether the object has this condition with status True. */
export const hasCondition = (
  { status }: { readonly status?: { readonly conditions?: readonly Pick<Condition, "type" | "status">[] } },
  type: string,
): boolean => status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ?? false;

/** As metav1.Time is written: whole seconds, UTC. */
export const timeOf = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
