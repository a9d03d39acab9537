// What the agent does in its managed cluster: its Roles there are generated from this, and its tests run under them. No `escalate` and no `bind`:
// what the agent grants it must hold, by the permission ceiling.
import { SYSTEM_NAMESPACE } from "../lib/access/names.ts";
import { GUARD_PROBE, IMPERSONATOR } from "../lib/components/components.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import { silent } from "../lib/kube/log.ts";
import type { PolicyRule } from "../lib/kube/object.ts";
import { AccessMemory } from "./access/memory.ts";
import { STATE_SECRET } from "./access/state.ts";
import { Guards } from "./guards/guards.ts";
import { reconcilersOf } from "./reconcilers.ts";
import { KEY_SECRET } from "./registration/key.ts";

/** The reconcilers as they declare themselves; none of these runs. */
export const reconcilers = reconcilersOf({
  ...{ cluster: "", agentVersion: "", managed: undefined as unknown as KubeClient, memory: new AccessMemory(), log: silent },
  guards: new Guards({ probe: undefined as unknown as KubeClient, log: silent }),
  streams: { size: 0, ended: 0, recheck: async () => {} },
});

/** What the other parts of the agent do in the whole cluster. */
export const permissions: readonly PolicyRule[] = [
  // The last step of leaving a cluster.
  { apiGroups: [""], resources: ["namespaces"], resourceNames: [SYSTEM_NAMESPACE], verbs: ["delete"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  // Drover's own paths: what capabilities of templates become in a managed cluster.
  { nonResourceURLs: ["/drover.dev/*"], verbs: ["use"] },
];

/** The registration token is removed with the namespace; the agent reads it from a file. */
const OWN_SECRETS = [KEY_SECRET, "agent-registration", STATE_SECRET];

/** What the agent does in its own namespace. */
export const namespacedPermissions: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
  { apiGroups: [""], resources: ["secrets"], resourceNames: OWN_SECRETS, verbs: ["get", "update", "patch", "delete"] },
  { apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [GUARD_PROBE, IMPERSONATOR], verbs: ["create"] },
];
