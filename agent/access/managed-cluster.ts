// The managed cluster as the access loop sees and changes it: its namespaces, its RBAC objects that are Drover's, and the writes to both.
import { LABEL, MANAGED_BY, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { INVENTORY_LABEL } from "../../lib/access/render.ts";
import type { Claim, ManagedNamespace, Refused } from "../../lib/access/render-namespaces.ts";
import { Cache } from "../../lib/kube/cache.ts";
import { isForbidden, isInvalid, isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { Applier } from "../../lib/reconcile/applier.ts";
import type { CacheLookup } from "../../lib/reconcile/live.ts";
import { carryOut, inParallel } from "./apply.ts";
import { groupsOf } from "./impersonator.ts";
import { KnownLive } from "./live.ts";
import { managedNamespace } from "./observe.ts";
import { objectKey } from "./plan.ts";

/** The impersonator's own role and its binding: not granted to people, so neither pruned nor held back with what is. */
export const IMPERSONATOR_OBJECTS: ReadonlySet<string> = new Set([
  "ClusterRole drover:impersonator",
  "ClusterRoleBinding drover:impersonator",
]);

const FIELD_MANAGER = "agent-access";

export class ManagedCluster {
  readonly applier: Applier;
  readonly #client: KubeClient;
  readonly #namespaces: Cache<Namespace>;
  readonly #rbac: readonly [Cache<ClusterRole>, Cache<ClusterRoleBinding>, Cache<RoleBinding>];
  readonly #live: KnownLive;
  /** Of all ClusterRoles their names: templates may name roles that are not Drover's. */
  readonly #roleNames: Cache<ClusterRole>;

  constructor(client: KubeClient, log: Log) {
    const labelSelector = Object.entries(MANAGED_BY)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    this.#client = client;
    this.#namespaces = new Cache(client, Namespace, { log, transform: withoutBallast });
    this.#rbac = [
      new Cache(client, ClusterRole, { labelSelector, log }),
      new Cache(client, ClusterRoleBinding, { labelSelector, log }),
      new Cache(client, RoleBinding, { labelSelector, log }),
    ];
    this.#roleNames = new Cache(client, ClusterRole, { log, transform: nameOnly });
    this.#live = new KnownLive(client, ((kind: Kind<KubeObject>) => this.#cacheOf(kind.kind)) as CacheLookup);
    this.applier = new Applier({ client, fieldManager: FIELD_MANAGER, live: this.#live });
  }

  readonly clusterRoles = { has: (name: string): boolean => this.#roleNames.get({ name }) !== undefined };

  /**
   * Resolves when everything was listed once. `onChange`: a namespace changed (undefined), or an RBAC object of ours did. `onRole`: any
   * ClusterRole came, changed or went.
   */
  async start(onChange: (object: KubeObject | undefined) => void, onRole: (name: string) => void, signal: AbortSignal): Promise<void> {
    this.#roleNames.onChange((now, before) => onRole((now ?? before)?.metadata.name ?? ""));
    this.#namespaces.onChange((now, before) => {
      if (JSON.stringify(now && managedNamespace(now)) !== JSON.stringify(before && managedNamespace(before))) onChange(undefined);
    });
    for (const cache of this.#rbac) cache.onChange((now) => onChange(now));
    const caches = [this.#namespaces, this.#roleNames, ...this.#rbac];
    for (const cache of caches) cache.start(signal);
    await Promise.all(caches.map((cache) => cache.synced));
  }

  namespaces(): readonly ManagedNamespace[] {
    return this.#namespaces.list().map(managedNamespace);
  }

  /** What was rendered from access sets once, by this agent or one before it. */
  inventory(): readonly KubeObject[] {
    return this.#objects().filter((object) => object.metadata.labels?.[INVENTORY_LABEL] !== undefined);
  }

  live(object: KubeObject): KubeObject | undefined {
    const cache = this.#cacheOf(object.kind);
    return cache === undefined ? undefined : this.#live.peek(cache.kind, object.metadata);
  }

  /** The groups that the impersonator may pass on now. */
  impersonatedGroups(): readonly string[] {
    const role = this.#rbac[0].get({ name: "drover:impersonator" });
    return role === undefined ? [] : groupsOf(role);
  }

  /** Records on namespaces whose they are. Never rejects: what was refused is returned, other failures are added to `failures`. */
  async claim(claims: readonly Claim[], failures: unknown[], signal: AbortSignal): Promise<Refused[]> {
    const refused: Refused[] = [];
    await inParallel(claims, 8, async ({ namespace, uid }) => {
      try {
        await this.#patchNamespace(namespace, { metadata: { annotations: { [PROJECT_UID_ANNOTATION]: uid ?? null } } }, signal);
      } catch (error) {
        const project = this.#namespaces.get({ name: namespace })?.metadata.labels?.[LABEL.project];
        const about = { object: `Namespace ${namespace}`, ...(project !== undefined && { project }) };
        if (isForbidden(error) || isInvalid(error)) refused.push({ ...about, message: describe(error) });
        else failures.push(error);
      }
    });
    return refused;
  }

  /** Removes all of the inventory, the impersonator's rights, and what marks namespaces as part of projects. Throws if anything stays. */
  async removeAll(signal: AbortSignal): Promise<void> {
    const objects = [...this.inventory(), ...this.#objects().filter((object) => IMPERSONATOR_OBJECTS.has(objectKey(object)))];
    const steps = {
      removeBindings: objects.filter(({ kind }) => kind !== ClusterRole.kind),
      roles: [],
      bindings: [],
      removeRoles: objects.filter(({ kind }) => kind === ClusterRole.kind),
      held: 0,
    };
    const done = await carryOut(steps, { applier: this.applier, verified: new Map(), settled: false, signal });
    const [problem] = [...done.failed, ...done.refused.map(({ object, message }) => new Error(`${object}: ${message}`))];
    if (problem !== undefined) throw problem;
    const patch = { metadata: { labels: { [LABEL.project]: null }, annotations: { [PROJECT_UID_ANNOTATION]: null } } };
    const marked = this.namespaces().filter(({ labels, annotations }) => annotations[PROJECT_UID_ANNOTATION] ?? labels[LABEL.project]);
    await inParallel(marked, 8, ({ name }) => this.#patchNamespace(name, patch, signal));
  }

  #objects(): readonly KubeObject[] {
    return this.#rbac.flatMap((cache): readonly KubeObject[] => cache.list());
  }

  #cacheOf(kind: string): Cache<KubeObject> | undefined {
    return this.#rbac.find((cache) => cache.kind.kind === kind) as Cache<KubeObject> | undefined;
  }

  async #patchNamespace(name: string, patch: object, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.patch(Namespace, { name }, patch, { type: "merge", fieldManager: FIELD_MANAGER, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function nameOnly({ apiVersion, kind, metadata: { name, uid, resourceVersion } }: ClusterRole): ClusterRole {
  return { apiVersion, kind, metadata: { name, ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } } as ClusterRole;
}

/** A namespace without what nobody reads here. */
function withoutBallast({ apiVersion, kind, metadata }: Namespace): Namespace {
  const { managedFields: _, ...rest } = metadata;
  return { apiVersion, kind, metadata: rest };
}
