// All reconcilers of the identity operator, how it caches, and what it does besides applying and deleting.
import { Token } from "../../crds/v1alpha1/token.ts";
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { CacheOptions } from "../../lib/kube/cache.ts";
import { Secret } from "../../lib/kube/core.ts";
import type { Kind, KubeObject, PolicyRule } from "../../lib/kube/object.ts";
import type { EffectTable } from "../../lib/reconcile/effects.ts";
import type { AnyReconciler } from "../../lib/reconcile/pass.ts";
import { authproviderConfig } from "./authprovider-config/reconciler.ts";
import { runHashPassword } from "./hash-password.ts";
import { BY_PROVIDER, BY_USER, tokenExpiry } from "./token-expiry/reconciler.ts";
import type { HashPassword } from "./user-account/plan.ts";
import { userAccount } from "./user-account/reconciler.ts";

export const reconcilers = [userAccount, authproviderConfig, tokenExpiry] as unknown as readonly AnyReconciler[];

/** Secrets of Drover's own namespace only: a Role there, no ClusterRole. */
export const namespacedPermissions: Readonly<Record<string, readonly PolicyRule[]>> = {
  [SYSTEM_NAMESPACE]: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "watch", "update"] }],
};

export const effects = { "hash-password": runHashPassword } satisfies EffectTable<HashPassword> as unknown as EffectTable;

export const cacheOptions: ReadonlyMap<Kind<KubeObject>, CacheOptions<KubeObject>> = new Map([
  [Secret, { namespace: SYSTEM_NAMESPACE }],
  [Token, { indexes: { [BY_USER]: ({ spec }: Token) => [spec.user], [BY_PROVIDER]: ({ spec }: Token) => [spec.provider] } }],
] as unknown as readonly (readonly [Kind<KubeObject>, CacheOptions<KubeObject>])[]);
