// What each component on the hub declares: its permissions, from which its Roles are generated, and its reconcilers.
import { reconcilers as agentReconcilers } from "../../agent/permissions.ts";
import * as auth from "../../auth/permissions.ts";
import { HUB_COMPONENT_NAMES, type HubComponentName } from "../../lib/components/components.ts";
import type { PolicyRule } from "../../lib/kube/object.ts";
import * as access from "../../operators/access/reconcilers.ts";
import * as clusters from "../../operators/clusters/reconcilers.ts";
import * as identity from "../../operators/identity/reconcilers.ts";
import * as proxy from "../../proxy/permissions.ts";
import type { DescribedReconciler, ReconcilersOf } from "./architecture.ts";
import type { Declaration, Declared } from "./rbac.ts";

interface Declaring extends Declared {
  readonly reconcilers?: readonly (DescribedReconciler & { readonly permissions: readonly PolicyRule[] })[];
}

const DECLARED: Readonly<Record<HubComponentName, Declaring>> = {
  auth: { ...auth, source: "auth/permissions.ts" },
  "operator-access": { ...access, source: "operators/access/reconcilers.ts" },
  "operator-clusters": { ...clusters, source: "operators/clusters/reconcilers.ts" },
  "operator-identity": { ...identity, source: "operators/identity/reconcilers.ts" },
  proxy: { ...proxy, source: "proxy/permissions.ts" },
};

export const DECLARATIONS: readonly Declaration[] = HUB_COMPONENT_NAMES.map((name) => ({ name, ...DECLARED[name] }));

export const RECONCILERS: readonly ReconcilersOf[] = [
  ...DECLARATIONS.flatMap(({ name }) => {
    const { reconcilers } = DECLARED[name];
    return reconcilers === undefined ? [] : [{ component: name, reconcilers }];
  }),
  { component: "agent", reconcilers: agentReconcilers },
];
