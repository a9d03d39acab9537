import { Cluster } from "../../../crds/v1alpha1/cluster.ts";
import { HUB, LABEL } from "../../../lib/access/names.ts";
import type { Namespace } from "../../../lib/kube/core.ts";
import type { KubeObject } from "../../../lib/kube/object.ts";
import type { Plan, Reading } from "../../../lib/reconcile/contract.ts";
import { isSystemNamespace, NOTHING } from "../system-subject.ts";

export function plan(namespace: Namespace, hub: Reading<Cluster>): Plan<never> {
  // One that is going is made anew once it has gone.
  const leave = hub.is === "unreadable" || (hub.is === "present" && hub.value.metadata.deletionTimestamp !== undefined);
  return isSystemNamespace(namespace) && !leave ? { ...NOTHING, apply: [DESIRED] } : NOTHING;
}

const DESIRED: KubeObject & { readonly spec: object } = {
  apiVersion: Cluster.apiVersion,
  kind: Cluster.kind,
  metadata: { name: HUB, labels: { [LABEL.hub]: "true" } },
  spec: { import: {} },
};
