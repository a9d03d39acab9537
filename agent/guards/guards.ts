// Whether the guards of this cluster are in force, for the parts of the agent that ask: lib/guards/monitor.ts on the caches of the agent's manager.
import { MANAGED_CLUSTER_GUARDS } from "../../lib/guards/bundle.ts";
import { type GuardStatus, NOT_OBSERVED } from "../../lib/guards/enforcement.ts";
import { GuardMonitor } from "../../lib/guards/monitor.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { Log } from "../../lib/kube/log.ts";
import type { KubeObject } from "../../lib/kube/object.ts";
import { Shared, type Trigger } from "../../lib/reconcile/shared.ts";

export interface GuardReport extends GuardStatus {
  readonly probedAt: string | undefined;
}

export interface GuardsOptions {
  /** A client that is ServiceAccount guard-probe. */
  readonly probe: KubeClient;
  readonly log: Log;
}

const LONGEST_MESSAGE = 1024;

/** A change of state or message is announced to whoever has it as a trigger. */
export class Guards implements Trigger {
  readonly #monitor: GuardMonitor;
  readonly #announced = new Shared<GuardStatus>(NOT_OBSERVED.status);
  #policies: () => readonly KubeObject[] | undefined = () => undefined;
  #failure = "";

  constructor({ probe, log }: GuardsOptions) {
    this.#monitor = new GuardMonitor({
      bundle: MANAGED_CLUSTER_GUARDS,
      policies: () => this.#policies(),
      probe,
      log,
      onChange: () => this.#announce(),
    });
  }

  /** Whether something new may be granted now: as of this moment, not of the last pass. */
  get enforced(): boolean {
    return this.#monitor.status.state === "Enforced";
  }

  get report(): GuardReport {
    const { status, probedAt } = this.#monitor;
    return { ...this.#withFailure(status), probedAt: probedAt?.toISOString() };
  }

  onChange(listener: () => void): () => void {
    return this.#announced.onChange(listener);
  }

  /** `policies`: the policies and bindings as they are when it is called; undefined while they are not listed. */
  observe(policies: () => readonly KubeObject[] | undefined): void {
    this.#policies = policies;
    this.#monitor.observe();
  }

  /** What keeps the policies from being corrected; undefined when nothing does. */
  setFailure(reason: string | undefined): void {
    this.#failure = reason === undefined ? "" : `; it cannot be corrected: ${reason}`;
    this.#announce();
  }

  /** Probes until the signal aborts. Once. */
  run(signal: AbortSignal): Promise<void> {
    return this.#monitor.run(signal);
  }

  #announce(): void {
    this.#announced.set(this.#withFailure(this.#monitor.status));
  }

  #withFailure({ state, message }: GuardStatus): GuardStatus {
    return { state, message: `${message}${state === "Enforced" ? "" : this.#failure}`.slice(0, LONGEST_MESSAGE) };
  }
}
