// agent-access
// Makes the member's RBAC what the AccessSets of this cluster say, and keeps it so: whatever changes on the hub or here wakes one pass
// over everything, which reads only caches, thinks in pure functions and writes only differences.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { clusterNamespace, HUB, LABEL, MANAGED_BY, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { groupsIn, INVENTORY_LABEL, type Rendered, render } from "../../lib/access/render.ts";
import type { Claim, MemberNamespace } from "../../lib/access/render-namespaces.ts";
import { Cache } from "../../lib/kube/cache.ts";
import { isForbidden, isNotFound, type KubeClient } from "../../lib/kube/client.ts";
import { ClusterRole, ClusterRoleBinding, Namespace, RoleBinding } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Kind, KubeObject } from "../../lib/kube/object.ts";
import { Applier } from "../../lib/reconcile/applier.ts";
import type { CacheLookup } from "../../lib/reconcile/live.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { carryOut, type Done, inParallel } from "./apply.ts";
import { groupsOf, impersonatorBinding, impersonatorRole } from "./impersonator.ts";
import { advance, isTeardown, type Known, type SeenSet } from "./known.ts";
import { KnownLive } from "./live.ts";
import { discoverClusterScoped, memberNamespace, seenSet, seenTemplate } from "./observe.ts";
import { believed, objectKey, plan, type Verified } from "./plan.ts";
import { SetStatusWriter, verdict } from "./set-status.ts";
import type { State, StateStore } from "./state.ts";

export interface AccessReport {
  readonly epochs: readonly { readonly set: string; readonly epoch: number }[];
  readonly appliedAt: string | undefined;
  readonly objects: number;
  readonly healed: number;
  readonly refused: readonly { readonly object: string; readonly message: string }[];
  readonly skipped: readonly { readonly template: string; readonly message: string }[];
}

export interface AccessLoopOptions {
  readonly cluster: string;
  /** The agent's namespace in the member. */
  readonly namespace: string;
  readonly hub: KubeClient;
  readonly member: KubeClient;
  readonly store: StateStore;
  /** Whether something new may be granted now. */
  readonly mayGrant: () => boolean;
  /** Rights may have been withdrawn. */
  readonly onWithdrawn: () => void;
  readonly onReport: (report: AccessReport) => void;
  /** The hub gave the cluster up; the loop does nothing more. */
  readonly onTeardown: () => void;
  readonly log: Log;
}

const KEY = { name: "access" };
const AGAIN_REFUSED_MS = 60_000;
const DISCOVER_MS = 300_000;
/** A clock that differs by less is as good as right: the hub's answers tell the time in whole seconds. */
const CLOCK_TOLERANCE_MS = 2_000;
const IMPERSONATOR_OBJECTS: ReadonlySet<string> = new Set(["ClusterRole drover:impersonator", "ClusterRoleBinding drover:impersonator"]);

export class AccessLoop {
  readonly #options: AccessLoopOptions;
  readonly #queue: Queue;
  readonly #sets: Cache<AccessSet>;
  readonly #templates: Cache<ClusterRoleTemplate>;
  readonly #namespaces: Cache<Namespace>;
  readonly #rbac: readonly [Cache<ClusterRole>, Cache<ClusterRoleBinding>, Cache<RoleBinding>];
  readonly #live: KnownLive;
  readonly #applier: Applier;
  readonly #statuses: SetStatusWriter;
  readonly #verified = new Map<string, Verified>();
  #known: Known = { sets: {}, templates: {} };
  #healed = 0;
  #hubAheadMs = 0;
  #clusterScoped: ReadonlySet<string> = new Set();
  #groups: ReadonlySet<string> = new Set();
  #settled = false;
  #settledBefore = false;
  #tearingDown = false;
  #saidWaiting = false;
  #problems = "";
  #appliedAt: string | undefined;
  #last: AccessReport | undefined;

  constructor(options: AccessLoopOptions) {
    this.#options = options;
    const { hub, member, log, cluster } = options;
    const labelSelector = Object.entries(MANAGED_BY)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    this.#sets = new Cache(hub, AccessSet, { namespace: clusterNamespace(cluster), log });
    this.#templates = new Cache(hub, ClusterRoleTemplate, { log });
    this.#namespaces = new Cache(member, Namespace, { log, transform: withoutBallast });
    this.#rbac = [
      new Cache(member, ClusterRole, { labelSelector, log }),
      new Cache(member, ClusterRoleBinding, { labelSelector, log }),
      new Cache(member, RoleBinding, { labelSelector, log }),
    ];
    const cacheOf = ((kind: Kind<KubeObject>) => this.#rbac.find((cache) => cache.kind.kind === kind.kind)) as CacheLookup;
    this.#live = new KnownLive(member, cacheOf);
    this.#applier = new Applier({ client: member, fieldManager: "agent-access", live: this.#live });
    const namespace = clusterNamespace(cluster);
    this.#statuses = new SetStatusWriter({ hub, namespace, log, find: (name) => this.#sets.get({ namespace, name }) });
    this.#queue = new Queue((_key, signal) => this.#pass(signal), {
      workers: 1,
      backoff: { baseMs: 50, capMs: 5_000 },
      onError: (_key, error, failures) => {
        if (failures % 10 === 1)
          log.warn("access could not be brought into effect; it is tried again", { error: describe(error), failures });
      },
    });
  }

  /** Whether the last known sets are in effect, for readiness. */
  get settled(): boolean {
    return this.#settled;
  }

  get report(): AccessReport | undefined {
    return this.#last;
  }

  get hubAheadMs(): number {
    return this.#hubAheadMs;
  }

  /** Whether the impersonator may pass this group on. */
  knowsGroup(group: string): boolean {
    return this.#groups.has(group);
  }

  /** Something that no cache tells has changed: the guards are in force, or no longer. */
  wake(): void {
    this.#queue.add(KEY);
  }

  addHealed(count: number): void {
    this.#healed += count;
    this.#queue.add(KEY);
  }

  /** The hub's clock minus ours: end dates are the hub's. */
  setClock(hubAheadMs: number): void {
    this.#hubAheadMs = Math.abs(hubAheadMs) < CLOCK_TOLERANCE_MS ? 0 : Math.round(hubAheadMs / 1000) * 1000;
  }

  async run(signal: AbortSignal): Promise<void> {
    const state = await this.#options.store.load(signal);
    this.#known = state.known;
    this.#healed = state.healed;
    this.#hubAheadMs = state.hubAheadMs;
    const wake = (): void => this.#queue.add(KEY);
    this.#sets.onChange((now, before) => {
      // Our own status writes come back as changes; only a spec is news.
      if (
        now === undefined ||
        before === undefined ||
        now.metadata.generation !== before.metadata.generation ||
        now.metadata.uid !== before.metadata.uid
      )
        wake();
    });
    this.#templates.onChange(wake);
    this.#namespaces.onChange((now, before) => {
      if (JSON.stringify(now && memberNamespace(now)) !== JSON.stringify(before && memberNamespace(before))) wake();
    });
    for (const cache of this.#rbac) {
      cache.onChange((now) => {
        if (now === undefined || this.#verified.get(objectKey(now))?.resourceVersion !== now.metadata.resourceVersion) wake();
      });
    }
    for (const cache of [this.#sets, this.#templates, this.#namespaces, ...this.#rbac]) cache.start(signal);
    await Promise.all([this.#namespaces, ...this.#rbac].map((cache) => cache.synced));
    const role = this.#rbac[0].get({ name: "drover:impersonator" });
    this.#groups = new Set(role === undefined ? [] : groupsOf(role));
    this.#believe();
    // Both wake the loop by the changes of their first list, but an empty first list changes nothing.
    for (const cache of [this.#sets, this.#templates]) cache.synced.then(wake, () => {});
    await this.#discover(signal);
    const timer = setInterval(() => void this.#discover(signal), DISCOVER_MS);
    await Promise.all([this.#queue.run(signal), this.#statuses.run(signal)]);
    clearInterval(timer);
  }

  /** Removes everything of the inventory, labels and annotations included. Call it when the loop has seen the teardown. Throws if anything stays. */
  async removeAll(signal: AbortSignal): Promise<void> {
    const objects = this.#rbac
      .flatMap((cache): readonly KubeObject[] => cache.list())
      .filter((object) => isInventory(object) || IMPERSONATOR_OBJECTS.has(objectKey(object)));
    const roles = objects.filter(({ kind }) => kind === "ClusterRole");
    const steps = {
      removeBindings: objects.filter(({ kind }) => kind !== "ClusterRole"),
      roles: [],
      bindings: [],
      removeRoles: roles,
      held: 0,
    };
    const done = await carryOut(steps, { applier: this.#applier, verified: this.#verified, settled: false, signal });
    const [problem] = [...done.failed, ...done.refused.map(({ object, message }) => new Error(`${object}: ${message}`))];
    if (problem !== undefined) throw problem;
    const marked = this.#namespaces
      .list()
      .filter(({ metadata }) => metadata.annotations?.[PROJECT_UID_ANNOTATION] ?? metadata.labels?.[LABEL.project]);
    const patch = { metadata: { labels: { [LABEL.project]: null }, annotations: { [PROJECT_UID_ANNOTATION]: null } } };
    await inParallel(marked, 8, ({ metadata }) => this.#patchNamespace(metadata.name, patch, signal));
  }

  /** What the agent had brought into effect before it was started anew: differences from that are somebody else's doing. */
  #believe(): void {
    if (this.#known.sets.cluster === undefined) return;
    // A namespace without the project's UID joined while no agent was there.
    const namespaces = this.#namespaces
      .list()
      .map(memberNamespace)
      .filter(({ annotations }) => annotations[PROJECT_UID_ANNOTATION] !== undefined);
    const { roles, bindings } = this.#render(namespaces);
    for (const object of [...roles, ...bindings]) this.#verified.set(...believed(object));
    this.#settledBefore = true;
  }

  #render(namespaces: readonly MemberNamespace[], now = this.#now()): Rendered {
    return render({
      sets: Object.values(this.#known.sets),
      templates: new Map(Object.entries(this.#known.templates)),
      namespaces,
      clusterScoped: this.#clusterScoped,
      now,
    });
  }

  #now(): Date {
    return new Date(Date.now() + this.#hubAheadMs);
  }

  async #pass(signal: AbortSignal): Promise<{ againAfterMs: number } | undefined> {
    if (this.#tearingDown) return undefined;
    const wentBack = this.#look();
    if (this.#known.sets.cluster === undefined) return this.#stayAsIs();
    if (isTeardown(this.#known)) return this.#giveUp();
    const now = this.#now();
    const sets = Object.values(this.#known.sets);
    const namespaces = this.#namespaces.list().map(memberNamespace);
    const rendered = this.#render(namespaces, now);
    const impersonator = impersonatorRole(groupsIn(sets));
    const steps = plan({
      roles: [impersonator, ...rendered.roles],
      bindings: [impersonatorBinding(this.#options.namespace), ...rendered.bindings],
      inventory: this.#rbac.flatMap((cache): readonly KubeObject[] => cache.list()).filter(isInventory),
      live: (object) => this.#live.peek(kindOf(this.#rbac, object), object.metadata),
      verified: this.#verified,
      terminating: new Set(namespaces.filter(({ terminating }) => terminating).map(({ name }) => name)),
      enforced: this.#options.mayGrant(),
      exempt: IMPERSONATOR_OBJECTS,
    });
    // All of it ends before the pass does, whatever fails: two passes never write at once.
    const failures: unknown[] = [];
    const [done, claims] = await Promise.all([
      carryOut(steps, { applier: this.#applier, verified: this.#verified, settled: this.#settled || this.#settledBefore, signal }),
      this.#claim(rendered.claims, failures, signal),
      this.#save(signal).catch((error: unknown) => void failures.push(error)),
    ]);
    if (this.#verified.has(objectKey(impersonator))) this.#groups = new Set(groupsOf(impersonator));
    if (done.changed) this.#options.onWithdrawn();
    return await this.#conclude(
      { rendered, done, failed: [...failures, ...done.failed], refused: claims, held: steps.held, wentBack, now, sets },
      signal,
    );
  }

  /** Nothing was ever heard of what this cluster's access is to be: that is no order to have none. */
  #stayAsIs(): undefined {
    if (!this.#saidWaiting) this.#options.log.info("nothing is known yet of the access in this cluster: everything stays as it is");
    this.#saidWaiting = true;
    return undefined;
  }

  #giveUp(): undefined {
    if (this.#options.cluster === HUB) {
      // Drover itself lives here; whatever was meant, the access that there is stays.
      this.#options.log.error("the access sets of the hub ask for a teardown, which is never done there");
      return undefined;
    }
    this.#tearingDown = true;
    this.#options.onTeardown();
    return undefined;
  }

  /** Takes in what the hub's caches hold; until both have a first list, the agent goes by its own copy. */
  #look(): readonly string[] {
    if (!this.#sets.hasSynced || !this.#templates.hasSynced) return [];
    const { known, wentBack, problems } = advance(this.#known, this.#sets.list().map(seenSet), this.#templates.list().map(seenTemplate));
    this.#known = known;
    const said = problems.join("; ");
    if (said !== this.#problems && said !== "") this.#options.log.warn("what the hub says is not followed", { problems });
    this.#problems = said;
    return wentBack;
  }

  /** Learns now and then which resources are cluster-scoped, beside the passes. Unknown ones stay in a project's role, where they give nothing. */
  async #discover(signal: AbortSignal): Promise<void> {
    try {
      this.#clusterScoped = await discoverClusterScoped(this.#options.member, signal);
      this.wake();
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn("cannot discover cluster-scoped resources", { error: describe(error) });
    }
  }

  /** Returns what was refused. */
  async #claim(claims: readonly Claim[], failures: unknown[], signal: AbortSignal): Promise<{ object: string; message: string }[]> {
    const refused: { object: string; message: string }[] = [];
    await inParallel(claims, 8, async (claim) => {
      try {
        await this.#annotate(claim, signal);
      } catch (error) {
        if (isForbidden(error)) refused.push({ object: `Namespace ${claim.namespace}`, message: describe(error) });
        else failures.push(error);
      }
    });
    return refused;
  }

  async #annotate({ namespace, uid }: Claim, signal: AbortSignal): Promise<void> {
    await this.#patchNamespace(namespace, { metadata: { annotations: { [PROJECT_UID_ANNOTATION]: uid ?? null } } }, signal);
  }

  async #patchNamespace(name: string, patch: object, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.member.patch(Namespace, { name }, patch, { type: "merge", fieldManager: "agent-access", signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #save(signal: AbortSignal): Promise<void> {
    const state: State = { known: this.#known, healed: this.#healed, hubAheadMs: this.#hubAheadMs };
    await this.#options.store.save(state, signal);
  }

  async #conclude(pass: Concluded, signal: AbortSignal): Promise<{ againAfterMs: number } | undefined> {
    const { rendered, done, held, sets } = pass;
    if (done.healed > 0) {
      this.#healed += done.healed;
      this.#options.log.info("healed", { objects: done.healed });
      await this.#save(signal);
    }
    const refused = [...rendered.refused, ...pass.refused, ...done.refused];
    const failed = pass.failed.length > 0;
    const complete = !failed && held === 0;
    this.#settled ||= complete;
    if (complete) this.#appliedAt = new Date().toISOString();
    const wentBack = new Set(pass.wentBack);
    for (const set of sets) this.#statuses.set(set.name, verdict(set, { wentBack, refused, held, failed }));
    this.#statuses.keepOnly(new Set(sets.map(({ name }) => name)));
    this.#last = {
      epochs: sets.map(({ name, epoch }) => ({ set: name, epoch })),
      appliedAt: this.#appliedAt,
      objects: rendered.roles.length + rendered.bindings.length,
      healed: this.#healed,
      refused,
      skipped: rendered.skipped,
    };
    this.#options.onReport(this.#last);
    if (failed) throw pass.failed[0];
    const waits = [
      ...(rendered.again === undefined ? [] : [Date.parse(rendered.again) - pass.now.getTime() + 1]),
      ...(refused.length > 0 ? [AGAIN_REFUSED_MS] : []),
    ];
    return waits.length === 0 ? undefined : { againAfterMs: Math.min(...waits) };
  }
}

interface Concluded {
  readonly rendered: Rendered;
  readonly done: Done;
  readonly failed: readonly unknown[];
  readonly refused: readonly { readonly object: string; readonly message: string }[];
  readonly held: number;
  readonly wentBack: readonly string[];
  readonly now: Date;
  readonly sets: readonly SeenSet[];
}

const isInventory = (object: KubeObject): boolean => object.metadata.labels?.[INVENTORY_LABEL] !== undefined;

function kindOf(caches: readonly Cache<never>[] | readonly { readonly kind: Kind<KubeObject> }[], object: KubeObject): Kind<KubeObject> {
  const found = caches.find(({ kind }) => kind.kind === object.kind);
  if (found === undefined) throw new Error(`${object.kind} is not a kind that access is made of`);
  return found.kind as Kind<KubeObject>;
}

/** A namespace without what nobody reads here. */
function withoutBallast({ apiVersion, kind, metadata }: Namespace): Namespace {
  const { managedFields: _, ...rest } = metadata;
  return { apiVersion, kind, metadata: rest };
}
