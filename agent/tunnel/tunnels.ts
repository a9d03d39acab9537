// agent-tunnel
// Keeps one tunnel to each replica of the proxy: dials until all that there are (each replica names them all) are covered, and again
// as soon as one is lost, drains or is new.
import { pause } from "../../lib/kube/backoff.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Authorities } from "../../lib/outbound/trust.ts";
import { ByteBudget } from "../../lib/tunnel/budget.ts";
import { TunnelCode, TunnelError } from "../../lib/tunnel/errors.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { type Dialled, DialRefused, dial } from "./dial.ts";
import { pauseMs } from "./pace.ts";

export interface TunnelsOptions {
  readonly proxyURLs: readonly string[];
  readonly ca: Authorities | undefined;
  readonly cluster: string;
  /** The hub token; throws while there is none. */
  readonly token: () => string;
  /** The token was refused. */
  readonly onUnauthorized: (token: string) => void;
  readonly onStream: (stream: Stream) => void;
  readonly log: Log;
}

/** A tunnel that ends sooner is a failure: whoever takes and drops it at once must not be dialled without a pause. */
const LASTED_MS = 10_000;
/**
 * What all tunnels may hold that is not read at the other end. It stands for several times as much: each answer that waits has a
 * connection to the API server with buffers of its own.
 */
const UNREAD_BYTES = 24 * 1024 * 1024;
const PROBE_MS = 2_000;
const DRAIN_MS = 1_000;

export class Tunnels {
  readonly #options: TunnelsOptions;
  readonly #budget = new ByteBudget(UNREAD_BYTES);
  readonly #sessions = new Map<string, Session>();
  /** All replicas, as one of them named them last; undefined before that. */
  #live: readonly string[] | undefined;
  /** Tunnels in a row that did not last. */
  #shortLived = 0;
  #changed = Promise.withResolvers<void>();

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** Replicas that are covered now, and how many there are. */
  get coverage(): { readonly open: number; readonly wanted: number } {
    return { open: this.#sessions.size, wanted: this.#live?.length ?? 1 };
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#change(), { once: true });
    await Promise.all(this.#options.proxyURLs.map((url) => this.#dialWhileMissing(url, signal)));
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.close("the agent is stopping");
    // The proxies end the tunnels when what is open is over; streams without an end do not keep the agent.
    await Promise.race([Promise.all(sessions.map(({ closed }) => closed)), pause(DRAIN_MS, new AbortController().signal)]);
    for (const session of sessions) session.destroy(new TunnelError(TunnelCode.Done, "the agent has stopped"));
  }

  get #isMissing(): boolean {
    return this.#sessions.size === 0 || (this.#live ?? []).some((replica) => !this.#sessions.has(replica));
  }

  async #dialWhileMissing(proxyURL: string, signal: AbortSignal): Promise<void> {
    for (let failed = 0, covered = 0; !signal.aborted; ) {
      if (!this.#isMissing) {
        await this.#changed.promise;
        // A tunnel is only known not to have lasted when it is over.
        [failed, covered] = [this.#shortLived, 0];
        continue;
      }
      // What changes meanwhile makes it likely that a balancer gives another replica, and nothing more likely after a failure.
      if (failed > 0) await pause(pauseMs({ failed, covered }), signal);
      else if (covered > 0 && (await this.#changeWithin(pauseMs({ failed, covered })))) covered = 0;
      if (signal.aborted || !this.#isMissing) continue;
      try {
        covered = (await this.#adopt(await this.#dial(proxyURL, signal))) ? 0 : covered + 1;
        failed = this.#shortLived;
      } catch (error) {
        if (signal.aborted) return;
        if (failed % 10 === 0) this.#options.log.warn("no tunnel", { proxy: proxyURL, error: describe(error) });
        failed++;
      }
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Whether something changed within the time. */
  async #changeWithin(ms: number): Promise<boolean> {
    const changed = this.#changed.promise.then(() => true);
    const late = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => late.resolve(false), ms);
    return await Promise.race([changed, late.promise]).finally(() => clearTimeout(timer));
  }

  async #dial(proxyURL: string, signal: AbortSignal): Promise<Dialled> {
    const { ca, cluster, onUnauthorized } = this.#options;
    const token = this.#options.token();
    try {
      return await dial({ proxyURL, ca, cluster, token, signal });
    } catch (error) {
      if (error instanceof DialRefused && error.code === 401) onUnauthorized(token);
      throw error;
    }
  }

  /** Takes a tunnel into use. False when its replica is covered by another that still answers. */
  async #adopt({ socket, head, replica }: Dialled): Promise<boolean> {
    const { log, onStream } = this.#options;
    const session = new Session(
      socket,
      {
        role: "acceptor",
        onStream,
        onReplicas: (names) => this.#learn(names),
        onDraining: () => this.#lose(replica, session),
        budget: this.#budget,
      },
      head,
    );
    const other = this.#sessions.get(replica);
    if (other !== undefined && (await answers(other))) {
      session.close("this replica is covered");
      session.destroy(new TunnelError(TunnelCode.Done, "this replica is covered"));
      return false;
    }
    other?.destroy(new TunnelError(TunnelCode.Timeout, "replaced by a newer tunnel"));
    this.#sessions.set(replica, session);
    log.info("tunnel open", { replica });
    const began = performance.now();
    void session.closed.then((error) => {
      const lasted = error === undefined || performance.now() - began >= LASTED_MS;
      this.#shortLived = lasted ? 0 : this.#shortLived + 1;
      log.info("tunnel over", { replica, reason: error?.message ?? "drained" });
      this.#lose(replica, session);
    });
    return true;
  }

  #learn(names: readonly string[]): void {
    const same = names.join() === this.#live?.join();
    this.#live = names;
    // Each new tunnel brings the names again, also one that was not needed.
    if (!same) this.#change();
  }

  #lose(replica: string, session: Session): void {
    if (this.#sessions.get(replica) !== session) return;
    this.#sessions.delete(replica);
    this.#change();
  }
}

/** A tunnel whose peer was killed can look alive until its silence is noticed. */
async function answers(session: Session): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), PROBE_MS);
  try {
    return await Promise.race([session.ping().then(() => true), late.promise]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
