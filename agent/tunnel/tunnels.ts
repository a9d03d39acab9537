// agent-tunnel
// Keeps one tunnel to each replica of the proxy: dials until all that there are (the handshake says how many) are covered, and again
// as soon as one is lost or drains.
import { fullJitterMs, pause } from "../../lib/kube/backoff.ts";
import { describe, type Log } from "../../lib/kube/log.ts";
import type { Authorities } from "../../lib/outbound/trust.ts";
import { ByteBudget } from "../../lib/tunnel/budget.ts";
import { TunnelCode, TunnelError } from "../../lib/tunnel/errors.ts";
import { Session } from "../../lib/tunnel/session.ts";
import type { Stream } from "../../lib/tunnel/stream.ts";
import { type Dialled, DialRefused, dial } from "./dial.ts";

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

const BACKOFF = { baseMs: 100, capMs: 10_000 };
/** Where a load balancer chooses the replica, a dial may hit one that is covered: how often to try for the others. */
const COVERED_PAUSE_MS = 5_000;
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
  /** Lets go of each session's worker when the agent stops. */
  readonly #releases = new Set<() => void>();
  readonly #workers: Promise<void>[] = [];
  #replicas = 1;

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** Replicas that are covered now, and how many there are. */
  get coverage(): { readonly open: number; readonly wanted: number } {
    return { open: this.#sessions.size, wanted: this.#replicas };
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#grow(this.#options.proxyURLs.length, signal);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.close("the agent is stopping");
    for (const release of this.#releases) release();
    await Promise.all(this.#workers);
    // The proxies end the tunnels when what is open is over; streams without an end do not keep the agent.
    await Promise.race([Promise.all(sessions.map(({ closed }) => closed)), pause(DRAIN_MS, new AbortController().signal)]);
    for (const session of sessions) session.destroy(new TunnelError(TunnelCode.Done, "the agent has stopped"));
  }

  #grow(count: number, signal: AbortSignal): void {
    const urls = this.#options.proxyURLs;
    while (this.#workers.length < Math.max(count, urls.length)) {
      this.#workers.push(this.#work(urls[this.#workers.length % urls.length] ?? "", signal));
    }
  }

  async #work(proxyURL: string, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const dialled = await this.#dial(proxyURL, signal);
        failures = 0;
        this.#replicas = dialled.replicas;
        this.#grow(dialled.replicas, signal);
        if (!(await this.#adopt(dialled, signal)))
          await pause(fullJitterMs(0, { baseMs: COVERED_PAUSE_MS, capMs: COVERED_PAUSE_MS }), signal);
      } catch (error) {
        if (signal.aborted) return;
        if (failures % 10 === 0) this.#options.log.warn("no tunnel", { proxy: proxyURL, error: describe(error) });
        await pause(fullJitterMs(failures++, BACKOFF), signal);
      }
    }
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

  /** Serves the tunnel until it is lost or drains. False at once when its replica is covered by another that still answers. */
  async #adopt({ socket, head, replica }: Dialled, signal: AbortSignal): Promise<boolean> {
    const draining = Promise.withResolvers<void>();
    const { log } = this.#options;
    const { onStream } = this.#options;
    const session = new Session(socket, { role: "acceptor", onStream, onDraining: () => draining.resolve(), budget: this.#budget }, head);
    const other = this.#sessions.get(replica);
    if (other !== undefined && (await answers(other))) {
      session.close("this replica is covered");
      session.destroy(new TunnelError(TunnelCode.Done, "this replica is covered"));
      return false;
    }
    other?.destroy(new TunnelError(TunnelCode.Timeout, "replaced by a newer tunnel"));
    this.#sessions.set(replica, session);
    log.info("tunnel open", { replica });
    if (signal.aborted) draining.resolve();
    const ended = session.closed.then((error) => {
      if (this.#sessions.get(replica) === session) this.#sessions.delete(replica);
      log.info("tunnel over", { replica, reason: error?.message ?? "drained" });
    });
    this.#releases.add(draining.resolve);
    await Promise.race([ended, draining.promise]);
    this.#releases.delete(draining.resolve);
    if (this.#sessions.get(replica) === session) this.#sessions.delete(replica);
    return true;
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
