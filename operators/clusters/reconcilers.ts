// All reconcilers of the clusters operator, how it caches, and what it does besides applying and deleting.
import { createHash } from "node:crypto";
import { AGENT } from "../../lib/access/names.ts";
import { agentObjectKinds } from "../../lib/components/agent-on-hub.ts";
import type { CacheOptions } from "../../lib/kube/cache.ts";
import { ClusterRoleBinding, Namespace, Secret } from "../../lib/kube/core.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import type { EffectTable } from "../../lib/reconcile/effects.ts";
import type { AnyReconciler } from "../../lib/reconcile/pass.ts";
import { namespaceCache } from "./adopted.ts";
import { clusterAgentPermissions } from "./cluster-agent-permissions/reconciler.ts";
import { clusterConnection } from "./cluster-connection/reconciler.ts";
import { removeFinalizers } from "./cluster-namespace/effects.ts";
import type { RemoveFinalizers } from "./cluster-namespace/plan.ts";
import { clusterNamespaceReconciler } from "./cluster-namespace/reconciler.ts";
import { type ManifestSettings, prepareRegistration, retireRegistration } from "./cluster-registration/effects.ts";
import type { PrepareRegistration, RetireRegistration } from "./cluster-registration/plan.ts";
import { clusterRegistration, manifestCache } from "./cluster-registration/reconciler.ts";
import { clusterTeardown } from "./cluster-teardown/reconciler.ts";
import { hubCluster } from "./hub-cluster/reconciler.ts";
import { hubTemplateReaders, templateReadersCache } from "./hub-template-readers/reconciler.ts";
import { projectNamespaceReconciler } from "./project-namespace/reconciler.ts";
import { projectPolicy } from "./project-policy/reconciler.ts";

export interface Settings extends ManifestSettings {
  readonly deletionGraceSeconds: number;
}

export function reconcilersWith({ deletionGraceSeconds, ...manifest }: Settings): readonly AnyReconciler[] {
  const digest = (): string =>
    createHash("sha256")
      .update(JSON.stringify({ ...manifest, caPEM: manifest.caPEM() }))
      .digest("hex");
  return [
    hubCluster,
    hubTemplateReaders,
    clusterNamespaceReconciler,
    projectNamespaceReconciler,
    projectPolicy,
    clusterRegistration(digest),
    clusterAgentPermissions,
    clusterConnection,
    clusterTeardown(deletionGraceSeconds),
  ] as unknown as readonly AnyReconciler[];
}

const none: Settings = {
  ...{ authURL: "", proxyURLs: [], caPEM: () => "", agentImage: "", hubURL: "" },
  ...{ registrationTTLSeconds: 0, deletionGraceSeconds: 0 },
};

/** What Roles are generated from; the process runs the same ones with its settings. */
export const reconcilers = reconcilersWith(none);

export const effectsWith = (settings: ManifestSettings): EffectTable =>
  ({
    "prepare-registration": (effect, context) => prepareRegistration(effect, context, settings),
    "retire-registration": retireRegistration,
    "remove-finalizers": removeFinalizers,
  }) satisfies EffectTable<PrepareRegistration | RetireRegistration | RemoveFinalizers> as unknown as EffectTable;

export const cacheOptions: ReadonlyMap<Kind<KubeObject>, CacheOptions<KubeObject>> = new Map([
  ...agentObjectKinds("operator-clusters").map((kind) => [kind, { name: AGENT }]),
  [Namespace, namespaceCache],
  [Secret, manifestCache],
  [ClusterRoleBinding, templateReadersCache],
] as unknown as readonly (readonly [Kind<KubeObject>, CacheOptions<KubeObject>])[]);
