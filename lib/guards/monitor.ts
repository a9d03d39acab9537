// Knows whether the guards of one cluster are in force: feeds lib/guards/enforcement.ts with the policies that there are and with probes.
// The access operator runs one for the hub, each agent one for its own cluster.
import { pause } from "../kube/backoff.ts";
import type { KubeClient } from "../kube/client.ts";
import type { Log } from "../kube/log.ts";
import type { KubeObject } from "../kube/object.ts";
import type { GuardBundle } from "./bundle.ts";
import { differences, fingerprint, versionOf } from "./difference.ts";
import { type Enforcement, elapsed, type GuardStatus, NOT_OBSERVED, observed, probeDue, probed } from "./enforcement.ts";
import { probeGuards } from "./probe.ts";

export interface GuardMonitorOptions {
  readonly bundle: GuardBundle;
  /** The policies and bindings as they are now, from watched caches; undefined until both are listed. */
  readonly policies: () => readonly KubeObject[] | undefined;
  /** A client that is ServiceAccount guard-probe. */
  readonly probe: KubeClient;
  readonly log: Log;
  /** Called when state or message changed. */
  readonly onChange: (status: GuardStatus) => void;
  /** Called when a probe found the guards in force, each time. */
  readonly onConfirmed?: () => void;
}

export class GuardMonitor {
  readonly #options: GuardMonitorOptions;
  #now: Enforcement = NOT_OBSERVED;
  #probedAt: Date | undefined;
  /** Aborted when a policy changes: a probe that is under way says nothing any more, and a new one is due. */
  #round = new AbortController();
  #reported: GuardStatus = NOT_OBSERVED.status;

  constructor(options: GuardMonitorOptions) {
    this.#options = options;
  }

  /** As of this moment: compares the policies first, so that nothing is granted after a change that the caches have seen. */
  get status(): GuardStatus {
    this.observe();
    return this.#now.status;
  }

  /** When a probe last said something about these guards. */
  get probedAt(): Date | undefined {
    return this.#probedAt;
  }

  /** Which objects the guards are (lib/guards/difference.ts); undefined until they are listed. */
  get fingerprint(): string | undefined {
    return this.#now.version === undefined ? undefined : fingerprint(this.#now.version);
  }

  /** To be called when a policy or binding may have changed. */
  observe(): void {
    const { bundle, policies } = this.#options;
    const live = policies();
    const version = live && versionOf(bundle.objects, live);
    if (live !== undefined && version !== undefined && version !== this.#now.version) {
      const faults = differences(bundle.objects, live).map(({ message }) => message);
      this.#become(observed(this.#now, { version, faults }));
    }
    this.#become(elapsed(this.#now, performance.now()));
  }

  /** Probes until the signal aborts. Once. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.observe();
      this.#round = new AbortController();
      const round = AbortSignal.any([signal, this.#round.signal]);
      const due = probeDue(this.#now);
      const wait = due === undefined ? LONGEST_WAIT_MS : due - performance.now();
      if (wait > 0) await pause(wait, round);
      else await this.#probe(round);
    }
  }

  async #probe(round: AbortSignal): Promise<void> {
    const { probe, bundle, onConfirmed } = this.#options;
    const [{ changes }, begunAt] = [this.#now, performance.now()];
    const found = await probeGuards(probe, bundle.attempts, round);
    if (round.aborted) return;
    this.#probedAt = new Date();
    this.#become(probed(this.#now, { found, changes, begunAt, endedAt: performance.now() }));
    if (found.state === "Enforced" && this.#now.status.state === "Enforced") onConfirmed?.();
  }

  #become(next: Enforcement): void {
    const { changes } = this.#now;
    this.#now = next;
    const { state, message } = next.status;
    if (state !== this.#reported.state || message !== this.#reported.message) {
      this.#reported = next.status;
      this.#options.log.info("guards", { state, detail: message });
      this.#options.onChange(next.status);
    }
    if (next.changes !== changes) this.#round.abort();
  }
}

/** A change of the policies ends the wait. */
const LONGEST_WAIT_MS = 3600_000;
