// The processes of the hub and where each says what it does.
import { access as authAccess, namespacedAccess as authNamespaced } from "../../auth/access.ts";
import { reconcilers as accessReconcilers, guardAccess } from "../../operators/access/reconcilers.ts";
import { reconcilers as clustersReconcilers } from "../../operators/clusters/reconcilers.ts";
import { namespacedAccess as identityNamespaced, reconcilers as identityReconcilers } from "../../operators/identity/reconcilers.ts";
import { access as proxyAccess, namespacedAccess as proxyNamespaced } from "../../proxy/access.ts";
import type { Component } from "./rights.ts";

export const COMPONENTS: readonly Component[] = [
  { name: "auth", source: "auth/access.ts", declared: { access: authAccess, namespacedAccess: authNamespaced }, leads: false },
  {
    name: "operator-access",
    source: "operators/access/reconcilers.ts",
    declared: { reconcilers: accessReconcilers, access: guardAccess.cluster, namespacedAccess: guardAccess.namespaced },
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
    declared: { reconcilers: identityReconcilers, namespacedAccess: identityNamespaced },
    leads: true,
  },
  { name: "proxy", source: "proxy/access.ts", declared: { access: proxyAccess, namespacedAccess: proxyNamespaced }, leads: false },
];
