// deploy/bases/rbac: ServiceAccount, ClusterRole and Roles of each process on the hub, from what its reconcilers and its code
// say that they do. Nothing is added but what the engine of operators itself needs: its lease and events.
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { KubeObject, PolicyRule } from "../../lib/kube/object.ts";
import { type Generator, yamlFile } from "./file.ts";

const FOLDER = "deploy/bases/rbac";

/** What a process says of itself. `namespacedPermissions`: by namespace, what it may do there only. */
export interface Declared {
  readonly reconcilers?: readonly { readonly permissions: readonly PolicyRule[] }[];
  readonly permissions?: readonly PolicyRule[];
  readonly namespacedPermissions?: Readonly<Record<string, readonly PolicyRule[]>>;
}

export interface Component {
  /** Name of the process, of its ServiceAccount and, for operators, of its Lease. */
  readonly name: string;
  /** The file that declares what it does. */
  readonly source: string;
  readonly declared: Declared;
  readonly leads: boolean;
}

export const rights = (components: readonly Component[]): Generator => ({
  owns: [FOLDER],
  files: () => [
    ...components.map((component) => yamlFile(`${FOLDER}/${component.name}.yaml`, component.source, rbacOf(component))),
    yamlFile(`${FOLDER}/kustomization.yaml`, "tools/generators/rbac.ts", [
      {
        apiVersion: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        resources: components.map(({ name }) => `${name}.yaml`).sort(),
      },
    ]),
  ],
});

/** All objects that give a component what it declares, and no more. */
export function rbacOf(component: Component): readonly KubeObject[] {
  const { declared, leads, name } = component;
  const everywhere = [
    ...(declared.reconcilers ?? []).flatMap(({ permissions }) => permissions),
    ...(declared.permissions ?? []),
    ...(leads ? [{ apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] }] : []),
  ];
  const inNamespaces: Record<string, readonly PolicyRule[]> = { ...declared.namespacedPermissions };
  if (leads) inNamespaces[SYSTEM_NAMESPACE] = [...(inNamespaces[SYSTEM_NAMESPACE] ?? []), ...leaseRules(name)];
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: SYSTEM_NAMESPACE, labels } },
    ...role("ClusterRole", name, undefined, everywhere),
    ...Object.keys(inNamespaces)
      .sort()
      .flatMap((namespace) => role("Role", name, namespace, inNamespaces[namespace] ?? [])),
  ];
}

const labels = { "app.kubernetes.io/part-of": "drover" };

/** Creating cannot be limited to a name. */
const leaseRules = (name: string): readonly PolicyRule[] => [
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], resourceNames: [name], verbs: ["get", "update", "patch"] },
];

function role(kind: "ClusterRole" | "Role", component: string, namespace: string | undefined, rules: readonly PolicyRule[]) {
  if (rules.length === 0) return [];
  const metadata = { name: `drover:${component}`, ...(namespace !== undefined && { namespace }), labels };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  return [
    { apiVersion, kind, metadata, rules: merged(rules) },
    {
      apiVersion,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: metadata.name },
      subjects: [{ kind: "ServiceAccount", name: component, namespace: SYSTEM_NAMESPACE }],
    },
  ];
}

const VERB_ORDER = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "use"];
const byUse = (a: string, b: string): number => VERB_ORDER.indexOf(a) - VERB_ORDER.indexOf(b) || (a < b ? -1 : 1);

/** Each (group, resource, names) and each path once with all its verbs; then those that differ in the resource alone together. */
export function merged(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const verbs = new Map<string, { group?: string; what: string; names: readonly string[]; verbs: Set<string> }>();
  for (const rule of rules) {
    const names = [...(rule.resourceNames ?? [])].sort();
    const parts = [
      ...(rule.apiGroups ?? []).flatMap((group) => (rule.resources ?? []).map((what) => ({ group, what }))),
      ...(rule.nonResourceURLs ?? []).map((what) => ({ what })),
    ];
    for (const part of parts) {
      const key = JSON.stringify([part, names]);
      const entry = verbs.get(key) ?? { ...part, names, verbs: new Set<string>() };
      for (const verb of rule.verbs) entry.verbs.add(verb);
      verbs.set(key, entry);
    }
  }
  const together = new Map<string, { group?: string; whats: string[]; names: readonly string[]; verbs: string[] }>();
  for (const { group, what, names, verbs: set } of verbs.values()) {
    const sorted = [...set].sort(byUse);
    const key = JSON.stringify([group ?? null, names, sorted]);
    const entry = together.get(key) ?? { ...(group !== undefined && { group }), whats: [], names, verbs: sorted };
    entry.whats.push(what);
    together.set(key, entry);
  }
  return [...together.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { group, whats, names, verbs: list }]) => {
      if (group === undefined) return { nonResourceURLs: whats.sort(), verbs: list };
      return { apiGroups: [group], resources: whats.sort(), ...(names.length > 0 && { resourceNames: names }), verbs: list };
    });
}
