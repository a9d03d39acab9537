// Checks passwords a few at a time: each check costs a quarter of a second and 32 MiB, and strangers can ask for it.

import { HASH_BYTES, type PasswordHash, SALT_BYTES } from "../../lib/identity/password.ts";
import { passwordMatches } from "../../lib/identity/scrypt.ts";
import { Refusal, tooManyRequests } from "../../lib/server/refusal.ts";
import type { Source } from "../../lib/server/source.ts";

/** Checks at once; the others wait in line. Two leave half of the thread pool to everything else. */
const CONCURRENT = 2;
/** Beyond this the wait would be longer than clients wait. */
const MAX_QUEUE = 64;
/** Of these, for sources from which the user in question never logged in; the other half stays for those that are known. */
const NEW_SOURCES_IN_QUEUE = MAX_QUEUE / 2;
/** Of one source, so that it cannot fill the line alone; where a source stands for many, of one user there. */
const MAX_PER_SOURCE = 8;

/** What the password of an unknown user is compared with: same work, never equal. */
const NOBODY: PasswordHash = { salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(HASH_BYTES) };

export interface LoginAttempt {
  readonly user: string;
  readonly source: Source;
  /** The user has logged in from this source before. */
  readonly known: boolean;
}

export class PasswordQueue {
  #running = 0;
  #newSourcesWaiting = 0;
  readonly #line: (() => void)[] = [];
  readonly #places = new Map<string, number>();

  /** Takes the same time whether `expected` is there or not. An empty password never matches. */
  async matches(password: string, expected: PasswordHash | undefined, guest: LoginAttempt): Promise<boolean> {
    const key = guest.source.standsForMany ? `${guest.source.key} ${guest.user}` : guest.source.key;
    const held = this.#places.get(key) ?? 0;
    if (held >= MAX_PER_SOURCE) throw tooManyRequests("TooManyAtOnce", 2);
    if (this.#line.length >= MAX_QUEUE || (!guest.known && this.#newSourcesWaiting >= NEW_SOURCES_IN_QUEUE))
      throw new Refusal("Busy", "too many users are logging in; try again in 5 s");
    this.#places.set(key, held + 1);
    try {
      await this.#turn(guest.known);
      try {
        const equal = await passwordMatches(password, expected ?? NOBODY);
        return equal && expected !== undefined;
      } finally {
        this.#running -= 1;
        this.#line.shift()?.();
      }
    } finally {
      const left = (this.#places.get(key) ?? 1) - 1;
      if (left === 0) this.#places.delete(key);
      else this.#places.set(key, left);
    }
  }

  /** Takes a place; `#running` counts places held, and a place given back wakes the first in line. */
  async #turn(known: boolean): Promise<void> {
    while (this.#running >= CONCURRENT) {
      if (!known) this.#newSourcesWaiting += 1;
      await new Promise<void>((wake) => this.#line.push(wake));
      if (!known) this.#newSourcesWaiting -= 1;
    }
    this.#running += 1;
  }
}
