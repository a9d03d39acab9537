// What the reconcilers of access remember between passes, and what they share with the rest of the agent.
import type { ConditionIntent } from "../../lib/reconcile/contract.ts";
import { Shared } from "../../lib/reconcile/shared.ts";
import { type Known, NOTHING, type Versions } from "./known.ts";
import type { State } from "./state.ts";

/** What is said about one AccessSet. */
export interface SetResult {
  /** Of the object on the hub that was evaluated; see `versionOfSet`. */
  readonly version?: string | undefined;
  /** The epoch that is in effect; undefined: none yet, or not wholly. */
  readonly epoch: number | undefined;
  /** The epoch that the agent goes by, whether or not it could be applied; undefined while the set is not taken over. */
  readonly knownEpoch: number | undefined;
  readonly condition: ConditionIntent;
}

export interface AccessReport {
  readonly epochs: readonly { readonly set: string; readonly epoch: number }[];
  readonly appliedAt: string | undefined;
  readonly objects: number;
  readonly corrected: number;
  readonly refused: readonly { readonly object: string; readonly message: string }[];
  /** What does not go on from what is known, because the hub was restored, with the latest epoch that was seen of it. */
  readonly restored: readonly { readonly object: string; readonly epoch: number }[];
  readonly skipped: readonly { readonly template: string; readonly message: string }[];
}

/**
 * The end of a managed cluster: the hub gave it up, what was granted is removed ("revoked"), then everything but the agent ("removed"), and
 * the hub has read it in the report ("reported").
 */
export type Teardown = "none" | "revoked" | "removed" | "reported";

/** A clock that differs by less is as good as right: the hub's answers tell the time in whole seconds. */
const CLOCK_TOLERANCE_MS = 2_000;

export class AccessMemory {
  known: Known = NOTHING;
  /** Instead of what is known, when that was too large to be kept. */
  forgotten: Versions | undefined;
  /** An earlier process of the agent had brought what is known into effect. */
  wasSettled = false;
  settled = false;
  appliedAt: string | undefined;
  /** The groups that the impersonator may pass on; undefined before the first look. */
  groups: ReadonlySet<string> | undefined;
  /** How often drift was corrected since the agent was installed. */
  readonly corrected = new Shared(0);
  /** The hub's clock minus ours, in ms, as far as it matters: end dates are the hub's. */
  readonly hubAheadMs = new Shared(0);
  /** "<group>/<plural>" of the cluster-scoped resources that the managed cluster serves; undefined before the first discovery. */
  readonly clusterScoped = new Shared<readonly string[] | undefined>(undefined);
  readonly report = new Shared<AccessReport | undefined>(undefined);
  /** By the name of the AccessSet. */
  readonly results = new Shared<Readonly<Record<string, SetResult>>>({});
  readonly teardown = new Shared<Teardown>("none");

  /** Continues from the agent's own copy. */
  restore(state: State): void {
    this.known = state.known;
    this.forgotten = state.forgotten;
    this.corrected.set(state.corrected);
    this.hubAheadMs.set(state.hubAheadMs);
  }

  setClock(hubAheadMs: number): void {
    this.hubAheadMs.set(Math.abs(hubAheadMs) < CLOCK_TOLERANCE_MS ? 0 : Math.round(hubAheadMs / 1000) * 1000);
  }

  addCorrected(count: number): void {
    this.corrected.set(this.corrected.value + count);
  }

  /** Whether the impersonator may pass this group on. */
  hasGroup(group: string): boolean {
    return this.groups?.has(group) ?? false;
  }

  /** Whether a template names this ClusterRole, which is not Drover's. */
  isExternalRole(name: string): boolean {
    return Object.values(this.known.templates).some(({ externalClusterRole }) => externalClusterRole === name);
  }
}
