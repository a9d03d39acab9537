// The agent's own copy of what it goes by, in its own cluster: started while the hub is away, it continues from here.
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { MANAGED_BY } from "../../lib/access/names.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { Secret } from "../../lib/kube/core.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import { forgotten, type Known, NOTHING, type Versions } from "./known.ts";

export const STATE_SECRET = "agent-state";
const FIELD = "known.json.gz";
/** A Secret holds at most 1 MiB; half of that packed is about 50,000 bindings. */
const MAX_PACKED_BYTES = 512 * 1024;
const MAX_UNPACKED_BYTES = 64 * 1024 * 1024;

export interface State {
  readonly known: Known;
  /** Instead of what is known, when that was too large to be kept: of which versions it was. */
  readonly forgotten?: Versions;
  /** How often drift was corrected since the agent was installed. */
  readonly corrected: number;
  /** The hub's clock minus ours, in milliseconds, as far as it matters. */
  readonly hubAheadMs: number;
}

export class StateStore {
  readonly #managed: KubeClient;
  readonly #namespace: string;
  readonly #log: Log;
  #written = "";

  constructor(managed: KubeClient, namespace: string, log: Log) {
    this.#managed = managed;
    this.#namespace = namespace;
    this.#log = log;
  }

  async load(signal: AbortSignal): Promise<State> {
    const nothing: State = { known: NOTHING, corrected: 0, hubAheadMs: 0 };
    const secret = await this.#managed.find(Secret, { namespace: this.#namespace, name: STATE_SECRET }, { signal });
    const packed = secret?.data?.[FIELD];
    if (packed === undefined) return nothing;
    try {
      const text = (await promisify(gunzip)(Buffer.from(packed, "base64"), { maxOutputLength: MAX_UNPACKED_BYTES })).toString("utf8");
      this.#written = text;
      return { ...nothing, ...(JSON.parse(text) as State) };
    } catch (error) {
      // Nothing is pruned for want of it: without an index nothing is done at all.
      this.#log.error("the agent's own copy cannot be read; waiting for the hub", { error: describe(error) });
      return nothing;
    }
  }

  /** Writes the state unless it is what was written last. Not to be called twice at once. */
  async save(state: State, signal: AbortSignal): Promise<void> {
    const text = JSON.stringify(state);
    if (text === this.#written) return;
    let packed = await promisify(gzip)(text, { level: 1 });
    if (packed.length > MAX_PACKED_BYTES) {
      // An older copy would bring back what was revoked since; without one, a restart while the hub is away changes nothing at all.
      this.#log.error("the agent's own copy is too large to be kept", { bytes: packed.length });
      packed = await promisify(gzip)(JSON.stringify({ ...state, known: NOTHING, forgotten: forgotten(state.known) }));
    }
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: STATE_SECRET, namespace: this.#namespace, labels: MANAGED_BY },
      data: { [FIELD]: packed.toString("base64") },
    };
    await this.#managed.apply(Secret, secret, { fieldManager: "agent-state", signal });
    this.#written = text;
  }
}
