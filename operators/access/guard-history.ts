// The record of when the hub's guards were not in force, in ConfigMap `guard-history`, so that a restart of the operator forgets nothing.
// What it means for bindings is decided in lib/access/guard-history.ts.
import { randomBytes } from "node:crypto";
import { type Gap, type GuardHistory, NO_HISTORY, readHistory, seenInForce, seenMissing } from "../../lib/access/guard-history.ts";
import { GUARD_HISTORY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { ConfigMap } from "../../lib/kube/core.ts";

const KEY = { namespace: SYSTEM_NAMESPACE, name: GUARD_HISTORY };
const FIELD = "history.json";
const MANAGER = "guard-history";
const CLOCK = "drover.dev/asked-for-the-time";

export class GuardHistoryStore {
  readonly #client: KubeClient;
  /** What the ConfigMap holds. */
  #recorded: GuardHistory | undefined;
  /** The same, or with a gap that is not written yet. */
  #current: GuardHistory | undefined;
  #markedAt = new Date(0);
  /** Whether this process itself saw the guards in force. Before that nobody watched, and they may be away for long. */
  #watched = false;
  /** The API server's clock minus ours. */
  #aheadMs = 0;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  get isLoaded(): boolean {
    return this.#recorded !== undefined;
  }

  get gaps(): readonly Gap[] {
    return (this.#current ?? NO_HISTORY).gaps;
  }

  /** Whether everything up to these guards is on record. */
  isRecorded(guards: string): boolean {
    const recorded = this.#recorded;
    return recorded === this.#current && recorded?.guards === guards && recorded.gaps.every(({ until }) => until !== undefined);
  }

  /** Counts at once, before it is written: the guards have just been seen not to be in force. */
  markMissing(): void {
    if (this.#current === undefined) return;
    this.#markedAt = new Date(Date.now() + this.#aheadMs);
    this.#current = seenMissing(this.#current, this.#markedAt, this.#watched);
  }

  async load(signal: AbortSignal): Promise<void> {
    if (this.#recorded !== undefined) return;
    const { data } = await this.#client.get(ConfigMap, KEY, { signal });
    const history = readHistory(data?.[FIELD]);
    if (history === undefined)
      throw new Error(`its ${FIELD} cannot be read; whoever removes that key lets every binding count that is there`);
    this.#recorded = history;
    this.#current = history;
  }

  /** `isCurrent`: whether these guards are in force still, asked right before it is written. */
  async recordInForce(guards: string, isCurrent: () => boolean, signal: AbortSignal): Promise<void> {
    await this.load(signal);
    const now = await this.#serverTime(signal);
    if (!isCurrent()) return;
    await this.#save((history) => seenInForce(history, guards, now, randomBytes(8).toString("hex")), signal);
    this.#watched = true;
  }

  async recordMissing(signal: AbortSignal): Promise<void> {
    await this.load(signal);
    const now = await this.#serverTime(signal);
    await this.#save((history) => seenMissing(history, now, this.#watched), signal);
  }

  async #save(next: (history: GuardHistory) => GuardHistory, signal: AbortSignal): Promise<void> {
    const markedAt = this.#markedAt;
    const history = next(this.#current ?? NO_HISTORY);
    const before = await this.#client.get(ConfigMap, KEY, { signal });
    const text = JSON.stringify(history);
    if (before.data?.[FIELD] !== text) {
      const patch = { metadata: { resourceVersion: before.metadata.resourceVersion }, data: { [FIELD]: text } };
      await this.#client.patch(ConfigMap, KEY, patch, { type: "merge", fieldManager: MANAGER, signal });
    }
    this.#recorded = history;
    // They may have gone while it was written.
    this.#current = this.#markedAt === markedAt ? history : seenMissing(history, this.#markedAt, true);
  }

  /** The time that the API server writes into objects: taken from the answer to a dry run. */
  async #serverTime(signal: AbortSignal): Promise<Date> {
    const patch = { metadata: { annotations: { [CLOCK]: randomBytes(8).toString("hex") } } };
    const manager = `${MANAGER}-clock`;
    const { metadata } = await this.#client.patch(ConfigMap, KEY, patch, { type: "merge", fieldManager: manager, dryRun: true, signal });
    const time = Date.parse(metadata.managedFields?.find((entry) => entry.manager === manager)?.time ?? "");
    if (Number.isNaN(time)) throw new Error("the API server did not say what time it is");
    this.#aheadMs = time - Date.now();
    return new Date(time);
  }
}
