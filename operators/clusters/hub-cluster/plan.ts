import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { HUB, LABEL } from "../../../lib/access/names.ts";
import type { Namespace } from "../../../lib/kube/core.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { Plan, Reading } from "../../../lib/reconcile/contract.ts";
import { isSystemNamespace, NOTHING } from "../system-subject.ts";

export function plan(namespace: Namespace, hub: Reading<Cluster>): Plan<never> {
  return isSystemNamespace(namespace) && hub.is !== "unreadable" ? { ...NOTHING, apply: [DESIRED] } : NOTHING;
}

const DESIRED: KubeObject & { readonly spec: object } = {
  apiVersion: Cluster.apiVersion,
  kind: Cluster.kind,
  metadata: { name: HUB, labels: { [LABEL.hub]: "true" } },
  spec: { import: {} },
};
