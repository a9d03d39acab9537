// agent-access
// Makes the managed cluster's RBAC what the AccessSets of this cluster say, and keeps it so: whatever changes on the hub or here wakes one pass
// over everything, which reads only caches, thinks in pure functions and writes only differences.
import { AccessSet } from "../../crds/v1alpha1/accessset.ts";
import { ClusterRoleTemplate } from "../../crds/v1alpha1/clusterroletemplate.ts";
import { lastEpoch } from "../../lib/access/lineage.ts";
import { CLUSTER_SET, clusterNamespace, HUB, PROJECT_UID_ANNOTATION } from "../../lib/access/names.ts";
import { groupsIn, type Rendered, render } from "../../lib/access/render.ts";
import type { ManagedNamespace, Refused } from "../../lib/access/render-namespaces.ts";
import { Cache } from "../../lib/kube/cache.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { Queue } from "../../lib/reconcile/queue.ts";
import { patiently } from "../patiently.ts";
import { carryOut, type Done } from "./apply.ts";
import { groupsOf, impersonatorBinding, impersonatorRole } from "./impersonator.ts";
import { advance, goesOn, isTeardown, type Known, latestEpochs, NOTHING, type SeenSet, setsInForce, type Versions } from "./known.ts";
import { IMPERSONATOR_OBJECTS, ManagedCluster } from "./managed-cluster.ts";
import { discoverClusterScoped, seenSet, seenTemplate } from "./observe.ts";
import { believed, objectKey, plan, type Verified } from "./plan.ts";
import { SetStatusWriter } from "./set-status.ts";
import type { State, StateStore } from "./state.ts";
import type { Taken } from "./takeover.ts";
import { type RefusedHere, refusedBySet, verdict } from "./verdict.ts";

export interface AccessReport {
  readonly epochs: readonly { readonly set: string; readonly epoch: number }[];
  readonly appliedAt: string | undefined;
  readonly objects: number;
  readonly healed: number;
  readonly refused: readonly { readonly object: string; readonly message: string }[];
  /** What does not go on from what is known, because the hub was restored, with the latest epoch that was seen of it. */
  readonly restored: readonly { readonly object: string; readonly epoch: number }[];
  readonly skipped: readonly { readonly template: string; readonly message: string }[];
}

export interface AccessLoopOptions {
  readonly cluster: string;
  /** The agent's namespace in the managed cluster. */
  readonly namespace: string;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
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
/** While an end date is ahead, how often to look at the clock, which somebody may set right meanwhile. */
const CLOCK_CHECK_MS = 60_000;

export class AccessLoop {
  readonly #options: AccessLoopOptions;
  readonly #queue: Queue;
  readonly #sets: Cache<AccessSet>;
  readonly #templates: Cache<ClusterRoleTemplate>;
  readonly #managed: ManagedCluster;
  readonly #statuses: SetStatusWriter;
  readonly #verified = new Map<string, Verified>();
  #known: Known = NOTHING;
  #forgotten: Versions | undefined;
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
    const { hub, managed, log, cluster } = options;
    const namespace = clusterNamespace(cluster);
    this.#sets = new Cache(hub, AccessSet, { namespace, log });
    this.#templates = new Cache(hub, ClusterRoleTemplate, { log });
    this.#managed = new ManagedCluster(managed, log);
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
    const ahead = Math.abs(hubAheadMs) < CLOCK_TOLERANCE_MS ? 0 : Math.round(hubAheadMs / 1000) * 1000;
    if (ahead === this.#hubAheadMs) return;
    this.#hubAheadMs = ahead;
    this.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, log } = this.#options;
    const state = await patiently("read the agent's own copy of the access", () => store.load(signal), log, signal);
    this.#known = state.known;
    this.#forgotten = state.forgotten;
    this.#healed = state.healed;
    this.#hubAheadMs = state.hubAheadMs;
    const wake = (): void => this.wake();
    this.#sets.onChange((now, before) => {
      // Our own status writes come back as changes; only a spec is news.
      const same = now?.metadata.generation === before?.metadata.generation && now?.metadata.uid === before?.metadata.uid;
      if (!same) wake();
    });
    this.#templates.onChange(wake);
    for (const cache of [this.#sets, this.#templates]) cache.start(signal);
    const onChange = (object: KubeObject | undefined): void => {
      // What was written here comes back as a change.
      if (object === undefined || this.#verified.get(objectKey(object))?.resourceVersion !== object.metadata.resourceVersion) wake();
    };
    const onRole = (name: string): void => {
      if (Object.values(this.#known.templates).some(({ externalClusterRole }) => externalClusterRole === name)) wake();
    };
    await this.#managed.start(onChange, onRole, signal);
    this.#groups = new Set(this.#managed.impersonatedGroups());
    this.#believe();
    // Both wake the loop by the changes of their first list, but an empty first list changes nothing.
    for (const cache of [this.#sets, this.#templates]) cache.synced.then(wake, () => {});
    await this.#discover(signal);
    const timer = setInterval(() => void this.#discover(signal), DISCOVER_MS);
    await Promise.all([this.#queue.run(signal), this.#statuses.run(signal)]);
    clearInterval(timer);
  }

  /** Removes everything of the inventory. Call it when the loop has seen the teardown. Throws if anything stays. */
  removeAll(signal: AbortSignal): Promise<void> {
    return this.#managed.removeAll(signal);
  }

  /** What the agent had brought into effect before it was started anew: differences from that are somebody else's doing. */
  #believe(): void {
    if (this.#known.sets[CLUSTER_SET] === undefined) return;
    // A namespace without the project's UID joined while no agent was there.
    const namespaces = this.#managed.namespaces().filter(({ annotations }) => annotations[PROJECT_UID_ANNOTATION] !== undefined);
    const { roles, bindings } = this.#render(namespaces);
    for (const object of [...roles, ...bindings]) this.#verified.set(...believed(object));
    this.#settledBefore = true;
  }

  #render(namespaces: readonly ManagedNamespace[], now = this.#now()): Rendered {
    return render({
      sets: setsInForce(this.#known),
      templates: new Map(Object.entries(this.#known.templates)),
      namespaces,
      clusterScoped: this.#clusterScoped,
      clusterRoles: this.#managed.clusterRoles,
      now,
    });
  }

  #now(): Date {
    return new Date(Date.now() + this.#hubAheadMs);
  }

  async #pass(signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    if (this.#tearingDown) return undefined;
    const restored = this.#look();
    if (this.#known.sets[CLUSTER_SET] === undefined) return this.#stayAsIs();
    if (isTeardown(this.#known)) return this.#giveUp();
    const now = this.#now();
    const sets = setsInForce(this.#known);
    const namespaces = this.#managed.namespaces();
    const rendered = this.#render(namespaces, now);
    const impersonator = impersonatorRole(groupsIn(sets));
    const steps = plan({
      roles: [impersonator, ...rendered.roles],
      bindings: [impersonatorBinding(this.#options.namespace), ...rendered.bindings],
      inventory: this.#managed.inventory(),
      live: (object) => this.#managed.live(object),
      verified: this.#verified,
      terminating: new Set(namespaces.filter(({ terminating }) => terminating).map(({ name }) => name)),
      enforced: this.#options.mayGrant(),
      exempt: IMPERSONATOR_OBJECTS,
    });
    // All of it ends before the pass does, whatever fails: two passes never write at once.
    const failures: unknown[] = [];
    const [done, claims] = await Promise.all([
      carryOut(steps, { applier: this.#managed.applier, verified: this.#verified, settled: this.#settled || this.#settledBefore, signal }),
      this.#managed.claim(rendered.claims, failures, signal),
      this.#save(signal).catch((error: unknown) => void failures.push(error)),
    ]);
    const impersonated = this.#verified.has(objectKey(impersonator));
    this.#groups = new Set(impersonated ? groupsOf(impersonator) : this.#managed.impersonatedGroups());
    if (done.changed) this.#options.onWithdrawn();
    return await this.#conclude(
      { rendered, done, failed: [...failures, ...done.failed], refused: claims, held: steps.held, restored, now, sets },
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
    const [sets, templates] = [this.#sets.list().map(seenSet), this.#templates.list().map(seenTemplate)];
    if (this.#forgotten !== undefined && !goesOn(this.#forgotten, sets, templates)) {
      this.#tell([
        "the hub was restored, and what was known here was too large to be kept: nothing is changed until the restore is accepted",
      ]);
      return [];
    }
    this.#forgotten = undefined;
    const { known, restored, problems } = advance(this.#known, sets, templates);
    this.#known = known;
    this.#tell(problems);
    return restored;
  }

  #tell(problems: readonly string[]): void {
    const said = problems.join("; ");
    if (said !== this.#problems && said !== "") this.#options.log.warn("what the hub says is not followed", { problems });
    this.#problems = said;
  }

  /** Learns now and then which resources are cluster-scoped, beside the passes. Unknown ones stay in a project's role, where they give nothing. */
  async #discover(signal: AbortSignal): Promise<void> {
    try {
      this.#clusterScoped = await discoverClusterScoped(this.#options.managed, signal);
      this.wake();
    } catch (error) {
      if (!signal.aborted) this.#options.log.warn("cannot discover cluster-scoped resources", { error: describe(error) });
    }
  }

  async #save(signal: AbortSignal): Promise<void> {
    const state: State = { known: this.#known, healed: this.#healed, hubAheadMs: this.#hubAheadMs };
    await this.#options.store.save(state, signal);
  }

  async #conclude(pass: Concluded, signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    const { rendered, done, held, sets } = pass;
    if (done.healed > 0) {
      this.#healed += done.healed;
      this.#options.log.info("healed", { objects: done.healed });
      await this.#save(signal);
    }
    const refused = [...rendered.refused, ...pass.refused, ...withoutFixedGroups(done.refused, groupsIn(sets), this.#groups)];
    const bySet = refusedBySet(sets, refused);
    const failed = pass.failed.length > 0;
    const complete = !failed && held === 0;
    this.#settled ||= complete;
    if (complete) this.#appliedAt = new Date().toISOString();
    const restored = new Set(pass.restored);
    const waiting = new Set(rendered.waiting);
    for (const set of sets) {
      this.#statuses.set(set.name, verdict(set, { restored, refused: bySet.get(set.name) ?? [], waiting, held, failed }));
    }
    this.#statuses.keepOnly(new Set(sets.map(({ name }) => name)));
    this.#last = {
      epochs: sets.map((set) => ({ set: set.name, epoch: lastEpoch(set) })),
      appliedAt: this.#appliedAt,
      objects: rendered.roles.length + rendered.bindings.length,
      healed: this.#healed,
      refused: refused.map(({ object, message }) => ({ object, message })),
      restored: latestEpochs(this.#known, pass.restored),
      skipped: rendered.skipped,
    };
    this.#options.onReport(this.#last);
    if (failed) throw pass.failed[0];
    const waits = [
      ...(rendered.nextEnd === undefined ? [] : [Math.min(Date.parse(rendered.nextEnd) - pass.now.getTime() + 1, CLOCK_CHECK_MS)]),
      ...(refused.length > 0 ? [AGAIN_REFUSED_MS] : []),
    ];
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
  }
}

interface Concluded {
  readonly rendered: Rendered;
  readonly done: Done;
  readonly failed: readonly unknown[];
  readonly refused: readonly Refused[];
  readonly held: number;
  readonly restored: readonly string[];
  readonly now: Date;
  readonly sets: readonly Taken<SeenSet>[];
}

/**
 * Under a ceiling below cluster-admin the impersonator's groups are fixed at import, and RBAC lets the agent not change the role, not even to
 * fewer: that is worth telling only where a group is missing.
 */
function withoutFixedGroups(refused: Done["refused"], wanted: readonly string[], held: ReadonlySet<string>): readonly RefusedHere[] {
  return refused.flatMap(({ object, message }) => {
    if (!IMPERSONATOR_OBJECTS.has(object)) return [{ object, message }];
    const missing = wanted.filter((group) => !held.has(group));
    if (held.size > 0 && missing.length === 0) return [];
    return [{ object, message: `these groups were not allowed at import: ${missing.join(", ")} (${message})`, groups: missing }];
  });
}
