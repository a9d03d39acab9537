import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { pause } from "../kube/backoff.ts";
import { type Fence, isAlreadyExists, isConflict, type KubeClient } from "../kube/client.ts";
import { Lease } from "../kube/core.ts";
import { describe, type Log } from "../kube/log.ts";

export interface LeaderElectionOptions {
  readonly namespace: string;
  readonly name: string;
  /** Shown in the lease, in front of random bytes: no two processes may share an identity, nor a process and its predecessor. Default: the host name. */
  readonly identity?: string;
  /** For how long others keep off after the holder last renewed, as they saw it. */
  readonly leaseDurationSeconds: number;
  /** For how long the holder itself counts on a renewal; the difference to the duration is the safety margin. */
  readonly renewDeadlineSeconds: number;
  readonly retryPeriodSeconds: number;
  readonly log: Log;
  /** Monotonic, in ms. */
  readonly now?: () => number;
  /** The machine's time of day, in ms. */
  readonly timeOfDay?: () => number;
}

/**
 * Lets one of several processes lead. Its fence allows writing until `renewDeadline` after the *sending* of the last successful renewal,
 * measured by the monotonic clock, so this process has stopped writing before anybody else may begin: others wait `leaseDuration`
 * from when they saw that renewal, which was after it was sent. No clock of another machine plays a part. The monotonic clock stands still
 * while a machine sleeps, so the time of day is looked at too, and whichever clock went further counts.
 */
export class LeaderElection {
  readonly identity: string;
  readonly #client: KubeClient;
  readonly #options: LeaderElectionOptions;
  readonly #now: () => number;
  readonly #timeOfDay: () => number;
  /** When the last successful renewal was sent, by both clocks; undefined when the lease is not held. */
  #renewed: { readonly at: number; readonly timeOfDay: number } | undefined;
  #released = false;
  /** The lease as it was when it was last seen to change, and when that was. */
  #seen: { readonly resourceVersion: string; readonly at: number } | undefined;

  constructor(client: KubeClient, options: LeaderElectionOptions) {
    const { leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds } = options;
    if (!(renewDeadlineSeconds < leaseDurationSeconds && retryPeriodSeconds < renewDeadlineSeconds && retryPeriodSeconds > 0)) {
      throw new Error("leader election needs retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds");
    }
    this.#client = client;
    this.#options = options;
    this.identity = `${options.identity || hostname()}_${randomBytes(8).toString("hex")}`;
    this.#now = options.now ?? (() => performance.now());
    this.#timeOfDay = options.timeOfDay ?? Date.now;
  }

  readonly fence: Fence = {
    mayWrite: () => this.fence.remainingMs() > 0,
    remainingMs: () => {
      if (this.#renewed === undefined) return 0;
      const { at, timeOfDay } = this.#renewed;
      const elapsed = Math.max(this.#now() - at, this.#timeOfDay() - timeOfDay);
      return Math.max(0, this.#options.renewDeadlineSeconds * 1000 - elapsed);
    },
  };

  /**
   * Contends for the lease; while it is held, runs `lead` with a signal that aborts when the lease is lost. Goes on contending after a loss,
   * and ends (releasing the lease once `lead` has ended) when `signal` aborts. Rejects only with what `lead` rejects with.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { log, retryPeriodSeconds, name } = this.#options;
    while (!signal.aborted) {
      if (!(await this.#try(signal))) {
        // Spread, so that contenders do not stay in step.
        await pause(retryPeriodSeconds * 1000 * (0.5 + Math.random() / 2), signal);
        continue;
      }
      log.info("leading", { lease: name, identity: this.identity });
      await this.#term(signal, lead);
      log.info("no longer leading", { lease: name, identity: this.identity });
    }
  }

  /** Leads until the lease is lost or the signal aborts, and does not come back before `lead` has ended. */
  async #term(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const term = new AbortController();
    const stop = (): void => term.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) term.abort();
    const renewing = this.#renew(term);
    try {
      await lead(term.signal);
    } finally {
      term.abort();
      signal.removeEventListener("abort", stop);
      await renewing;
      await this.#release();
    }
  }

  async #renew(term: AbortController): Promise<void> {
    while (!term.signal.aborted) {
      await pause(Math.min(this.#options.retryPeriodSeconds * 1000, this.fence.remainingMs()), term.signal);
      if (term.signal.aborted) return;
      if (this.fence.remainingMs() === 0) {
        this.#options.log.error("lease lost: not renewed in time", { lease: this.#options.name });
        return term.abort();
      }
      await this.#try(term.signal);
    }
  }

  /** One attempt to take or to renew the lease. True when it is held. A failed attempt leaves an earlier term as it was, unless somebody else holds it. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { namespace, name, log, renewDeadlineSeconds } = this.#options;
    // Half the time: an attempt over a connection that died unnoticed leaves room for another one.
    const limit = AbortSignal.timeout(renewDeadlineSeconds * 500);
    const either = AbortSignal.any([signal, limit]);
    try {
      const lease = await this.#client.find(Lease, { namespace, name }, { signal: either });
      if (lease !== undefined && !this.#mayTake(lease)) {
        if (this.fence.mayWrite()) log.error("lease lost: somebody else holds it", { lease: name, holder: lease.spec?.holderIdentity });
        this.#renewed = undefined;
        return false;
      }
      const sent = { at: this.#now(), timeOfDay: this.#timeOfDay() };
      const written = await this.#write(lease, either);
      this.#seen = { resourceVersion: written.metadata.resourceVersion ?? "", at: this.#now() };
      this.#renewed = sent;
      this.#released = false;
      return true;
    } catch (error) {
      if (!signal.aborted && !isConflict(error) && !isAlreadyExists(error))
        log.warn("lease not written", { lease: name, error: describe(error) });
      return false;
    }
  }

  /** Ours, free, or unchanged for its whole duration as this process saw it. */
  #mayTake(lease: Lease): boolean {
    const holder = lease.spec?.holderIdentity ?? "";
    const resourceVersion = lease.metadata.resourceVersion ?? "";
    if (this.#seen?.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, at: this.#now() };
    if (holder === "" || holder === this.identity) return true;
    const durationMs = (lease.spec?.leaseDurationSeconds ?? this.#options.leaseDurationSeconds) * 1000;
    return this.#now() - this.#seen.at > durationMs;
  }

  #write(lease: Lease | undefined, signal: AbortSignal): Promise<Lease> {
    const { namespace, name, leaseDurationSeconds } = this.#options;
    const time = new Date().toISOString().replace("Z", "000Z");
    const ours = lease?.spec?.holderIdentity === this.identity;
    const transitions = lease?.spec?.leaseTransitions ?? 0;
    const spec = {
      holderIdentity: this.identity,
      leaseDurationSeconds,
      acquireTime: ours ? (lease.spec?.acquireTime ?? time) : time,
      renewTime: time,
      leaseTransitions: lease === undefined || ours ? transitions : transitions + 1,
    };
    if (lease === undefined) {
      return this.#client.create(
        Lease,
        { apiVersion: Lease.apiVersion, kind: Lease.kind, metadata: { namespace, name }, spec },
        { signal },
      );
    }
    // The resourceVersion in it decides between contenders.
    return this.#client.replace(Lease, { ...lease, spec }, { signal });
  }

  /** Gives the lease back, if it is still ours, so that the next one need not wait. Writing has ended before. */
  async #release(): Promise<void> {
    const { namespace, name, log } = this.#options;
    const held = this.fence.mayWrite();
    this.#renewed = undefined;
    if (!held || this.#released) return;
    this.#released = true;
    try {
      const signal = AbortSignal.timeout(2_000);
      const lease = await this.#client.get(Lease, { namespace, name }, { signal });
      if (lease.spec?.holderIdentity !== this.identity) return;
      const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
      await this.#client.replace(Lease, { ...lease, spec }, { signal });
    } catch (error) {
      log.warn("lease not released", { lease: name, error: describe(error) });
    }
  }
}
