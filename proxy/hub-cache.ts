// The proxy's watched copies of the hub's objects. No request of a user waits for a call to the hub. Once the hub has not answered for too
// long, everybody is refused.
import { isDeepStrictEqual } from "node:util";
import { AuthProvider } from "../crds/v1alpha1/authprovider.ts";
import { Cluster, Connected } from "../crds/v1alpha1/cluster.ts";
import { ClusterMembers } from "../crds/v1alpha1/clustermembers.ts";
import { ClusterRegistration } from "../crds/v1alpha1/clusterregistration.ts";
import { Token } from "../crds/v1alpha1/token.ts";
import { User } from "../crds/v1alpha1/user.ts";
import { wholeMembers } from "../lib/access/members.ts";
import { AGENT, clusterNamespace } from "../lib/access/names.ts";
import { fingerprint } from "../lib/identity/agent-key.ts";
import { Cache } from "../lib/kube/cache.ts";
import type { KubeClient } from "../lib/kube/client.ts";
import type { Log } from "../lib/kube/log.ts";
import { hasCondition, type Kind, type KubeObject } from "../lib/kube/object.ts";
import type { HubView } from "./pipeline.ts";

type Watched = Pick<Cache<KubeObject>, "kind" | "start" | "synced" | "hasSynced" | "staleForMs" | "size">;

/** Called after a change that may end access. */
export interface Changes {
  user(name: string): void;
  cluster(name: string): void;
  everybody(): void;
  /** The key on record for the agent is another one now, or is gone. */
  agent(cluster: string): void;
}

export class HubCache implements HubView {
  readonly tokens: Cache<Token>;
  readonly users: Cache<User>;
  readonly providers: Cache<AuthProvider>;
  readonly clusters: Cache<Cluster>;
  readonly clusterMembers: Cache<ClusterMembers>;
  readonly registrations: Cache<ClusterRegistration>;
  readonly all: readonly Watched[];

  constructor(hub: KubeClient, log: Log) {
    const cache = <T extends KubeObject>(kind: Kind<T>, transform: (object: T) => T = withoutManagedFields) =>
      new Cache(hub, kind, { log, transform });
    this.tokens = cache(Token);
    this.users = cache(User);
    this.providers = cache(AuthProvider);
    this.clusters = cache(Cluster, nameAndConnected);
    this.clusterMembers = cache(ClusterMembers);
    this.registrations = cache(ClusterRegistration);
    this.all = [this.tokens, this.users, this.providers, this.clusters, this.clusterMembers, this.registrations];
  }

  /** Resolves when everything was listed once. */
  async start(signal: AbortSignal): Promise<void> {
    for (const cache of this.all) cache.start(signal);
    await Promise.all(this.all.map(({ synced }) => synced));
  }

  staleForMs(): number {
    let longest = 0;
    for (const cache of this.all) longest = Math.max(longest, cache.staleForMs());
    return longest;
  }

  token(name: string): Token | undefined {
    return this.tokens.get({ name });
  }
  user(name: string): User | undefined {
    return this.users.get({ name });
  }
  provider(name: string): AuthProvider | undefined {
    return this.providers.get({ name });
  }
  cluster(name: string): Cluster | undefined {
    return this.clusters.get({ name });
  }
  members(cluster: string): ClusterMembers | undefined {
    const namespace = clusterNamespace(cluster);
    return wholeMembers((name) => this.clusterMembers.get({ namespace, name }));
  }
  /** Clusters whose agent is connected to the hub, to any replica. */
  connectedClusters(): readonly string[] {
    return this.clusters
      .list()
      .filter((cluster) => hasCondition(cluster, Connected.type))
      .map(({ metadata }) => metadata.name);
  }

  /** The fingerprint of the key that is on record for the cluster's agent. */
  agentKey(cluster: string): string | undefined {
    return keyOf(this.registrations.get({ namespace: clusterNamespace(cluster), name: AGENT }));
  }

  /** Calls after each change that may end access. */
  onChange(changes: Changes): void {
    // A new Token ends nobody's access.
    this.tokens.onChange((_, before) => before !== undefined && changes.user(before.spec.user));
    this.users.onChange((_, before) => before !== undefined && changes.user(before.metadata.name));
    this.providers.onChange((now, before) => before !== undefined && mayEndSessions(now, before) && changes.everybody());
    this.clusters.onChange((now, before) => now === undefined && before !== undefined && changes.cluster(before.metadata.name));
    this.clusterMembers.onChange((_, before) => before !== undefined && changes.cluster(clusterOf(before)));
    this.registrations.onChange((now, before) => {
      if (before !== undefined && keyOf(now) !== keyOf(before)) changes.agent(clusterOf(before));
    });
  }
}

/** A registration that is being deleted no longer counts. */
function keyOf(registration: ClusterRegistration | undefined): string | undefined {
  if (registration?.metadata.deletionTimestamp !== undefined) return undefined;
  const key = registration?.status?.publicKey;
  return key === undefined ? undefined : fingerprint(Buffer.from(key, "base64"));
}

/** Changes of a provider's status end no session. */
const mayEndSessions = (now: AuthProvider | undefined, before: AuthProvider): boolean =>
  now === undefined ||
  now.metadata.deletionTimestamp !== undefined ||
  now.metadata.uid !== before.metadata.uid ||
  !isDeepStrictEqual(now.spec.access, before.spec.access);

const clusterOf = ({ metadata }: KubeObject): string => (metadata.namespace ?? "").slice(clusterNamespace("").length);

/** They are half of a small object's size, and nothing here reads them. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** All that is needed of a Cluster: whether it exists, and whether its agent is connected. */
function nameAndConnected(cluster: Cluster): Cluster {
  const { name, uid, resourceVersion } = cluster.metadata;
  return {
    ...cluster,
    metadata: { name, ...(uid ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) },
    status: { conditions: cluster.status?.conditions?.filter(({ type }) => type === Connected.type) ?? [] },
  } as Cluster;
}
