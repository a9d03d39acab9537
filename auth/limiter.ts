// How often somebody may try to log in: pure bookkeeping, the caller brings the time.
// Three rules, so that guessing is slow and yet no stranger can keep the victim out:
//  - one source may try at a bounded rate, whoever it claims to be;
//  - one source that fails for one user waits twice as long after each failure (the victim's own source does not wait);
//  - all sources together may fail for one user at a bounded rate; a source from which the user has logged in before is exempt.

export interface Limits {
  /** Attempts of one source: how many at once, and how many more each second. */
  readonly sourceBurst: number;
  readonly sourcePerSecond: number;
  /** Failures of one source for one user before it has to wait, and the longest wait. */
  readonly freeFailures: number;
  readonly longestWaitSeconds: number;
  /** Failures for one user from all sources that never succeeded for it. */
  readonly userBurst: number;
  readonly userPerSecond: number;
}

export const DEFAULT_LIMITS: Limits = {
  sourceBurst: 120,
  sourcePerSecond: 2,
  freeFailures: 10,
  longestWaitSeconds: 300,
  userBurst: 100,
  userPerSecond: 1 / 30,
};

interface Bucket {
  level: number;
  at: number;
}

interface Failures {
  count: number;
  waitUntil: number;
  at: number;
}

/** Entries of each table; the one used longest ago makes room, so that a flood of invented names cannot fill the memory. */
const TABLE_SIZE = 20_000;
const FORGIVEN_AFTER_MS = 15 * 60_000;

export class LoginLimiter {
  readonly #limits: Limits;
  readonly #sources = new Map<string, Bucket>();
  readonly #users = new Map<string, Bucket>();
  readonly #failures = new Map<string, Failures>();
  readonly #known = new Map<string, true>();

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** Asked before anything is looked up, also for users that do not exist. Seconds to wait, or 0: go on. Takes one attempt of the source. */
  admit(user: string, source: string, now: Date): number {
    const ms = now.getTime();
    const { sourceBurst, sourcePerSecond, userBurst, userPerSecond } = this.#limits;
    const bySource = bucket(this.#sources, source, sourceBurst, sourcePerSecond, ms);
    if (bySource.level < 1) return Math.ceil((1 - bySource.level) / sourcePerSecond);
    bySource.level -= 1;

    const waitMs = (this.#failures.get(pair(user, source))?.waitUntil ?? 0) - ms;
    if (waitMs > 0) return Math.ceil(waitMs / 1000);

    if (this.#known.has(pair(user, source))) return 0;
    const byUser = bucket(this.#users, user, userBurst, userPerSecond, ms);
    return byUser.level < 1 ? Math.ceil((1 - byUser.level) / userPerSecond) : 0;
  }

  failed(user: string, source: string, now: Date): void {
    const ms = now.getTime();
    const { freeFailures, longestWaitSeconds, userBurst, userPerSecond } = this.#limits;
    const before = this.#failures.get(pair(user, source));
    const count = (before !== undefined && ms - before.at < FORGIVEN_AFTER_MS ? before.count : 0) + 1;
    const seconds = count < freeFailures ? 0 : Math.min(2 ** Math.min(count - freeFailures, 30), longestWaitSeconds);
    put(this.#failures, pair(user, source), { count, at: ms, waitUntil: ms + seconds * 1000 });
    const byUser = bucket(this.#users, user, userBurst, userPerSecond, ms);
    byUser.level = Math.max(0, byUser.level - 1);
  }

  succeeded(user: string, source: string): void {
    this.#failures.delete(pair(user, source));
    put(this.#known, pair(user, source), true);
  }
}

/** A plain rate for one kind of request: seconds to wait, or 0. */
export class RateLimiter {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  admit(key: string, now: Date): number {
    const found = bucket(this.#buckets, key, this.#burst, this.#perSecond, now.getTime());
    if (found.level < 1) return Math.ceil((1 - found.level) / this.#perSecond);
    found.level -= 1;
    return 0;
  }
}

/** Whom an address stands for: IPv4 itself, of IPv6 the /64, which one subscriber has for himself. */
export function sourceOf(address: string): string {
  const v4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  return `${[...left, ...zeros, ...right].slice(0, 4).join(":")}::/64`;
}

const pair = (user: string, source: string): string => `${source} ${user}`;

function bucket(table: Map<string, Bucket>, key: string, burst: number, perSecond: number, ms: number): Bucket {
  const found = table.get(key) ?? { level: burst, at: ms };
  found.level = Math.min(burst, found.level + (Math.max(0, ms - found.at) / 1000) * perSecond);
  found.at = ms;
  put(table, key, found);
  return found;
}

function put<T>(table: Map<string, T>, key: string, value: T): void {
  table.delete(key);
  table.set(key, value);
  if (table.size > TABLE_SIZE) for (const oldest of table.keys()) return void table.delete(oldest);
}
