// deploy/bases/rbac: ServiceAccount, ClusterRole and Roles of each component on the hub, from what its reconcilers and its code
// declare. The only additions are for the manager of an operator: its Lease and events.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { COMPONENTS, type HubComponentName } from "../../lib/components/components.ts";
import { mergedRules, PART_OF, roleAndBinding } from "../../lib/components/rbac.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";
import { type Generator, kustomizationFile, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/rbac";

/** What the code of a component declares. `namespacedPermissions`: by namespace, what it may do in that one only. */
export interface Declared {
  readonly reconcilers?: readonly { readonly permissions: readonly PolicyRule[] }[];
  readonly permissions?: readonly PolicyRule[];
  readonly namespacedPermissions?: Readonly<Record<string, readonly PolicyRule[]>>;
  /** The file that declares it. */
  readonly source: string;
}

export interface Declaration extends Declared {
  readonly name: HubComponentName;
}

export const rbac = (declarations: readonly Declaration[]): Generator => ({
  owns: [FOLDER],
  files: () => [
    ...declarations.map((declaration) => yamlFile(`${FOLDER}/${declaration.name}.yaml`, declaration.source, rbacOf(declaration))),
    kustomizationFile(FOLDER, "tools/generators/rbac.ts", { resources: declarations.map(({ name }) => `${name}.yaml`).sort() }),
  ],
});

/** The objects that give a component the permissions that it declares, and no others. */
export function rbacOf({ name, reconcilers = [], permissions = [], namespacedPermissions = {} }: Declaration): readonly KubeObject[] {
  const isOperator = COMPONENTS[name].type === "operator";
  const everywhere = [...reconcilers.flatMap((reconciler) => reconciler.permissions), ...permissions, ...(isOperator ? EVENTS : [])];
  const inNamespaces: Record<string, readonly PolicyRule[]> = { ...namespacedPermissions };
  if (isOperator) inNamespaces[SYSTEM_NAMESPACE] = [...(inNamespaces[SYSTEM_NAMESPACE] ?? []), ...leaseRules(name)];
  const role = { name: `drover:${name}`, account: name };
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: SYSTEM_NAMESPACE, labels: PART_OF } },
    ...roleAndBinding({ ...role, rules: mergedRules(everywhere) }),
    ...Object.keys(inNamespaces)
      .sort()
      .flatMap((namespace) => roleAndBinding({ ...role, namespace, rules: mergedRules(inNamespaces[namespace] ?? []) })),
  ];
}

const EVENTS: readonly PolicyRule[] = [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] }];

/** RBAC cannot limit `create` to a name. */
const leaseRules = (name: string): readonly PolicyRule[] => [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [name], verbs: ["get", "update", "patch"] },
];
