// Remembers on the hub when its guards were not in force, so that a restart of the operator forgets nothing.
import { randomBytes } from "node:crypto";
import { type Gap, type GuardHistory, NO_HISTORY, readHistory, seenInForce, seenMissing } from "../../lib/access/guard-history.ts";
import { GUARD_HISTORY, SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { ConfigMap } from "../../lib/kube/core.ts";

export { GUARD_HISTORY } from "../../lib/access/names.ts";

const KEY = { namespace: SYSTEM_NAMESPACE, name: GUARD_HISTORY };
const FIELD = "history.json";
const MANAGER = "guard-watch";
const CLOCK = "drover.dev/asked-for-the-time";

export class HistoryKeeper {
  readonly #client: KubeClient;
  #history: GuardHistory | undefined;
  /** The API server's clock minus ours. */
  #aheadMs = 0;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  get gaps(): readonly Gap[] {
    return (this.#history ?? NO_HISTORY).gaps;
  }

  /** Whether everything up to these guards is on record. */
  isRecorded(guards: string): boolean {
    return this.#history?.guards === guards && this.#history.gaps.every(({ until }) => until !== undefined);
  }

  /** At once, before anything is written: the guards have just been seen not to be in force. */
  notice(): void {
    if (this.#history !== undefined) this.#history = seenMissing(this.#history, new Date(Date.now() + this.#aheadMs));
  }

  async inForce(guards: string, signal: AbortSignal): Promise<void> {
    const history = await this.#load(signal);
    const now = await this.#serverTime(signal);
    await this.#save(seenInForce(history, guards, now, randomBytes(8).toString("hex")), signal);
  }

  async missing(signal: AbortSignal): Promise<void> {
    const history = await this.#load(signal);
    await this.#save(seenMissing(history, await this.#serverTime(signal)), signal);
  }

  async #load(signal: AbortSignal): Promise<GuardHistory> {
    if (this.#history !== undefined) return this.#history;
    const { data } = await this.#client.get(ConfigMap, KEY, { signal });
    const history = readHistory(data?.[FIELD]);
    if (history === undefined)
      throw new Error(`its ${FIELD} cannot be read; whoever removes that key lets every binding count that is there`);
    this.#history = history;
    return history;
  }

  async #save(history: GuardHistory, signal: AbortSignal): Promise<void> {
    const before = await this.#client.get(ConfigMap, KEY, { signal });
    const text = JSON.stringify(history);
    if (before.data?.[FIELD] !== text) {
      const patch = { metadata: { resourceVersion: before.metadata.resourceVersion }, data: { [FIELD]: text } };
      await this.#client.patch(ConfigMap, KEY, patch, { type: "merge", fieldManager: MANAGER, signal });
    }
    this.#history = history;
  }

  /** The time that the API server writes into objects, of a write that is not made. */
  async #serverTime(signal: AbortSignal): Promise<Date> {
    const patch = { metadata: { annotations: { [CLOCK]: randomBytes(8).toString("hex") } } };
    const manager = `${MANAGER}-clock`;
    const { metadata } = await this.#client.patch(ConfigMap, KEY, patch, { type: "merge", fieldManager: manager, dryRun: true, signal });
    const time = Date.parse(metadata.managedFields?.find((entry) => entry.manager === manager)?.time ?? "");
    if (Number.isNaN(time)) throw new Error("the API server does not tell the time");
    this.#aheadMs = time - Date.now();
    return new Date(time);
  }
}
