// agent-discovery
// Keeps the list of cluster-scoped resources that the managed cluster serves, which rules of projects must not name. Resources come with
// CustomResourceDefinitions and aggregated APIs and no object shows all of them, so it is read every few minutes. It assumes that a resource
// that is not listed yet gives nothing in a project's role.
import { scopedResource } from "../../lib/access/render-rules.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { type Reconciler, SINGLETON } from "../../lib/reconcile/contract.ts";
import type { Shared } from "../../lib/reconcile/shared.ts";

const DISCOVER_MS = 300_000;

export interface DiscoveryOptions {
  readonly managed: KubeClient;
  readonly clusterScoped: Shared<readonly string[] | undefined>;
  readonly log: Log;
}

export const discovery = ({
  managed,
  clusterScoped,
  log,
}: DiscoveryOptions): Reconciler<KubeObject, readonly string[], readonly string[]> => ({
  name: "agent-discovery",
  subject: SINGLETON,
  watches: [],
  owns: { conditions: [], kinds: [] },
  permissions: [],
  observe: async (_one, _read, signal) => {
    try {
      return [...(await discoverClusterScoped(managed, signal))].sort();
    } catch (error) {
      signal.throwIfAborted();
      log.warn("cannot discover cluster-scoped resources", { error: describe(error) });
      return clusterScoped.value ?? [];
    }
  },
  plan: (_one, status) => ({ status, conditions: [], finalizer: "none", requeueAfter: { ms: DISCOVER_MS, because: "kinds come and go" } }),
  written: ({ status }) => void clusterScoped.set(status),
});

interface ResourceList {
  readonly resources?: readonly { readonly name: string; readonly namespaced: boolean }[];
}
interface GroupList {
  readonly groups?: readonly { readonly name: string; readonly versions: readonly { readonly groupVersion: string }[] }[];
}

/** "<group>/<plural>" of every cluster-scoped resource that the managed cluster serves now. A group that does not answer is left out. */
export async function discoverClusterScoped(managed: KubeClient, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { groups = [] } = (await managed.request("GET", "/apis", { signal })) as GroupList;
  const paths = [
    ["", "/api/v1"],
    ...groups.flatMap(({ name, versions }) => versions.map(({ groupVersion }) => [name, `/apis/${groupVersion}`])),
  ];
  const found = new Set<string>();
  for (const [group = "", path = ""] of paths) {
    // An aggregated API whose server is away must not keep the others from being known.
    const list = (await managed.request("GET", path, { signal }).catch(() => ({}))) as ResourceList;
    for (const { name, namespaced } of list.resources ?? []) if (!namespaced && !name.includes("/")) found.add(scopedResource(group, name));
  }
  return found;
}
