// The processes of the hub and where each says what it does.
import { permissions as authAccess, namespacedPermissions as authNamespaced } from "../../auth/permissions.ts";
import { reconcilers as accessReconcilers, guardPermissions } from "../../operators/access/reconcilers.ts";
import { reconcilers as clustersReconcilers } from "../../operators/clusters/reconcilers.ts";
import { namespacedPermissions as identityNamespaced, reconcilers as identityReconcilers } from "../../operators/identity/reconcilers.ts";
import { permissions as proxyAccess, namespacedPermissions as proxyNamespaced } from "../../proxy/permissions.ts";
import type { Component } from "./rbac.ts";

export const COMPONENTS: readonly Component[] = [
  {
    name: "auth",
    source: "auth/permissions.ts",
    declared: { permissions: authAccess, namespacedPermissions: authNamespaced },
    leads: false,
  },
  {
    name: "operator-access",
    source: "operators/access/reconcilers.ts",
    declared: { reconcilers: accessReconcilers, permissions: guardPermissions.cluster, namespacedPermissions: guardPermissions.namespaced },
    leads: true,
  },
  {
    name: "operator-clusters",
    source: "operators/clusters/reconcilers.ts",
    declared: { reconcilers: clustersReconcilers },
    leads: true,
  },
  {
    name: "operator-identity",
    source: "operators/identity/reconcilers.ts",
    declared: { reconcilers: identityReconcilers, namespacedPermissions: identityNamespaced },
    leads: true,
  },
  {
    name: "proxy",
    source: "proxy/permissions.ts",
    declared: { permissions: proxyAccess, namespacedPermissions: proxyNamespaced },
    leads: false,
  },
];
