// Checks passwords a few at a time: a check takes a quarter of a second and 32 MiB, and any client can ask for one.
import { HASH_BYTES, type PasswordHash, SALT_BYTES } from "../../lib/identity/password.ts";
import { passwordMatches } from "../../lib/identity/scrypt.ts";
import { Refusal, tooManyRequests } from "../../lib/server/refusal.ts";
import type { Source } from "../../lib/server/source.ts";

/** Checks at once; the others wait. Two leave half of the thread pool to everything else. */
const CONCURRENT = 2;
/** Checks that may wait. With more the wait would be longer than clients wait. */
const MAX_QUEUE = 64;
/** The part of them for sources from which the user has not logged in before. The other half stays for proven sources. */
const UNPROVEN_IN_QUEUE = MAX_QUEUE / 2;
/** Per source, so that one source cannot fill the queue. Where a source stands for many clients: per source and user. */
const MAX_PER_SOURCE = 8;

/** The password of an unknown user is compared with this: the same work, and never equal. */
const NO_HASH: PasswordHash = { salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(HASH_BYTES) };

export interface LoginAttempt {
  readonly user: string;
  readonly source: Source;
  /** The user has logged in from this source before. */
  readonly proven: boolean;
}

export class PasswordQueue {
  #running = 0;
  #unprovenWaiting = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #places = new Map<string, number>();

  /** Takes the same time whether `expected` is there or not. An empty password never matches. Throws a Refusal when too many wait. */
  async matches(password: string, expected: PasswordHash | undefined, { user, source, proven }: LoginAttempt): Promise<boolean> {
    const key = source.standsForMany ? `${source.key} ${user}` : source.key;
    const held = this.#places.get(key) ?? 0;
    if (held >= MAX_PER_SOURCE) throw tooManyRequests("TooManyAtOnce", 2);
    if (this.#waiting.length >= MAX_QUEUE || (!proven && this.#unprovenWaiting >= UNPROVEN_IN_QUEUE))
      throw new Refusal("Busy", "too many users are logging in; try again in 5 s");
    this.#places.set(key, held + 1);
    try {
      await this.#turn(proven);
      try {
        const equal = await passwordMatches(password, expected ?? NO_HASH);
        return equal && expected !== undefined;
      } finally {
        this.#running -= 1;
        this.#waiting.shift()?.();
      }
    } finally {
      const left = (this.#places.get(key) ?? 1) - 1;
      if (left === 0) this.#places.delete(key);
      else this.#places.set(key, left);
    }
  }

  /** Waits until a check may begin. */
  async #turn(proven: boolean): Promise<void> {
    while (this.#running >= CONCURRENT) {
      if (!proven) this.#unprovenWaiting += 1;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      if (!proven) this.#unprovenWaiting -= 1;
    }
    this.#running += 1;
  }
}
