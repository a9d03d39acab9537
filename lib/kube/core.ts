// The built-in kinds that Drover reads or writes, with the fields that it uses.
import type { Condition, Kind, KubeObject, ObjectRef, PolicyRule } from "./object.ts";

export interface Namespace extends KubeObject {
  readonly spec?: { readonly finalizers?: readonly string[] };
  readonly status?: { readonly phase?: "Active" | "Terminating"; readonly conditions?: readonly Condition[] };
}
export const Namespace: Kind<Namespace> = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false };

export interface Secret extends KubeObject {
  readonly type?: string;
  /** Values in base64. */
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}
export const Secret: Kind<Secret> = { apiVersion: "v1", kind: "Secret", plural: "secrets", namespaced: true };

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}
export const ConfigMap: Kind<ConfigMap> = { apiVersion: "v1", kind: "ConfigMap", plural: "configmaps", namespaced: true };

export interface ServiceAccount extends KubeObject {
  readonly automountServiceAccountToken?: boolean;
}
export const ServiceAccount: Kind<ServiceAccount> = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  plural: "serviceaccounts",
  namespaced: true,
};

export interface Node extends KubeObject {
  readonly spec?: { readonly unschedulable?: boolean; readonly providerID?: string };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly nodeInfo?: { readonly kubeletVersion?: string; readonly osImage?: string };
    readonly capacity?: Readonly<Record<string, string>>;
    readonly allocatable?: Readonly<Record<string, string>>;
  };
}
export const Node: Kind<Node> = { apiVersion: "v1", kind: "Node", plural: "nodes", namespaced: false };

export interface Pod extends KubeObject {
  readonly spec?: { readonly nodeName?: string; readonly containers?: readonly { readonly name: string; readonly image?: string }[] };
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}
export const Pod: Kind<Pod> = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };

export interface ResourceQuota extends KubeObject {
  readonly spec?: { readonly hard?: Readonly<Record<string, string>> };
  readonly status?: { readonly hard?: Readonly<Record<string, string>>; readonly used?: Readonly<Record<string, string>> };
}
export const ResourceQuota: Kind<ResourceQuota> = { apiVersion: "v1", kind: "ResourceQuota", plural: "resourcequotas", namespaced: true };

const RBAC = "rbac.authorization.k8s.io/v1";

export interface Role extends KubeObject {
  readonly rules?: readonly PolicyRule[] | null;
}
export const Role: Kind<Role> = { apiVersion: RBAC, kind: "Role", plural: "roles", namespaced: true };

export interface ClusterRole extends KubeObject {
  readonly rules?: readonly PolicyRule[] | null;
  /** When present, a controller overwrites `rules` with those of the selected roles. */
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] };
}
export const ClusterRole: Kind<ClusterRole> = { apiVersion: RBAC, kind: "ClusterRole", plural: "clusterroles", namespaced: false };

export interface RoleRef {
  readonly apiGroup: "rbac.authorization.k8s.io";
  readonly kind: "Role" | "ClusterRole";
  readonly name: string;
}
export interface RbacSubject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  readonly apiGroup?: string;
  readonly namespace?: string;
}
export interface RoleBinding extends KubeObject {
  /** Immutable: another role needs another binding. */
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}
export const RoleBinding: Kind<RoleBinding> = { apiVersion: RBAC, kind: "RoleBinding", plural: "rolebindings", namespaced: true };

export interface ClusterRoleBinding extends KubeObject {
  readonly roleRef: RoleRef;
  readonly subjects?: readonly RbacSubject[];
}
export const ClusterRoleBinding: Kind<ClusterRoleBinding> = {
  apiVersion: RBAC,
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  namespaced: false,
};

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    /** RFC 3339 with microseconds. */
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}
export const Lease: Kind<Lease> = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", plural: "leases", namespaced: true };

export interface Event extends KubeObject {
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: "Normal" | "Warning";
  readonly note?: string;
  readonly regarding?: ObjectRef & { readonly resourceVersion?: string };
}
export const Event: Kind<Event> = { apiVersion: "events.k8s.io/v1", kind: "Event", plural: "events", namespaced: true };

export interface ValidatingAdmissionPolicy extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly observedGeneration?: number; readonly typeChecking?: unknown; readonly conditions?: readonly Condition[] };
}
export const ValidatingAdmissionPolicy: Kind<ValidatingAdmissionPolicy> = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  plural: "validatingadmissionpolicies",
  namespaced: false,
};

export interface ValidatingAdmissionPolicyBinding extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}
export const ValidatingAdmissionPolicyBinding: Kind<ValidatingAdmissionPolicyBinding> = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  plural: "validatingadmissionpolicybindings",
  namespaced: false,
};

export interface CustomResourceDefinition extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: { readonly conditions?: readonly Condition[] };
}
export const CustomResourceDefinition: Kind<CustomResourceDefinition> = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};
