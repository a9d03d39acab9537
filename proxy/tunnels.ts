// The tunnels that end here, by cluster. An agent has one, and for moments two: after a restart, or after a connection was lost unnoticed, the
// new tunnel arrives before the old one is found to be dead.
import { TunnelCode, TunnelError } from "../lib/tunnel/errors.ts";
import type { Session } from "../lib/tunnel/session.ts";

/** How long a tunnel may take to answer a ping when a newer one of the same agent has arrived. */
const PROOF_MS = 1_000;
/** How long a newer tunnel must last before the older one is drained: the agent may close it again. */
const SETTLE_MS = 5_000;

/** Tunnels that one cluster may have here. Each costs memory, even if it carries nothing. */
const PER_CLUSTER = 4;

export class Tunnels {
  /** Oldest first. */
  readonly #byCluster = new Map<string, readonly Session[]>();

  get count(): number {
    return [...this.#byCluster.values()].reduce((sum, sessions) => sum + sessions.length, 0);
  }

  /** Bytes that this end buffers for all tunnels. */
  get bufferedBytes(): number {
    return [...this.#byCluster.values()].flat().reduce((sum, session) => sum + session.bufferedBytes, 0);
  }

  /** Takes a tunnel into use until it ends. Beyond the limit the oldest are closed: newer ones have replaced them. */
  add(cluster: string, session: Session): void {
    const before = this.#byCluster.get(cluster) ?? [];
    this.#byCluster.set(cluster, [...before, session]);
    void session.closed.then(() => this.#remove(cluster, session));
    const tooMany = before.length + 1 - PER_CLUSTER;
    for (const [i, old] of before.entries()) {
      if (i < tooMany) old.destroy(new TunnelError(TunnelCode.Cancelled, "newer tunnels of this agent took over"));
      else void replace(old, session);
    }
  }

  has(cluster: string): boolean {
    return this.#byCluster.has(cluster);
  }

  /** Sends every agent the names of all replicas of the proxy. */
  announce(replicas: readonly string[]): void {
    for (const session of [...this.#byCluster.values()].flat()) session.announce(replicas);
  }

  /** A tunnel that accepts requests. `except`: one that was tried already. */
  pick(cluster: string, except?: Session): Session | undefined {
    return this.#byCluster.get(cluster)?.find((session) => session.usable && session !== except);
  }

  /** Ends the tunnels of a cluster with every request in them. */
  destroy(cluster: string): void {
    for (const session of this.#byCluster.get(cluster) ?? []) session.destroy();
  }

  /** Asks every agent to dial another replica. Resolves when all tunnels are closed, or the time is over. */
  async drain(message: string, timeoutMs: number): Promise<void> {
    const sessions = [...this.#byCluster.values()].flat();
    for (const session of sessions) session.close(message);
    await within(timeoutMs, Promise.all(sessions.map(({ closed }) => closed)));
    for (const session of sessions) session.destroy();
  }

  #remove(cluster: string, session: Session): void {
    const left = (this.#byCluster.get(cluster) ?? []).filter((other) => other !== session);
    if (left.length === 0) this.#byCluster.delete(cluster);
    else this.#byCluster.set(cluster, left);
  }
}

/** A newer tunnel replaces an older one: at once if that is dead; otherwise once the newer has lasted for a while. */
async function replace(old: Session, newer: Session): Promise<void> {
  const alive = await within(
    PROOF_MS,
    old.ping().then(
      () => true,
      () => false,
    ),
  );
  if (alive !== true) {
    old.destroy();
    return;
  }
  await within(SETTLE_MS, Promise.race([newer.closed, old.closed]));
  if (newer.usable) old.close("a newer tunnel of this agent took over");
}

/** The promise's value, or undefined when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
