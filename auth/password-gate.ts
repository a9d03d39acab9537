// Checks passwords a few at a time: each check costs a quarter of a second and 32 MiB, and strangers can ask for it.

import { HASH_BYTES, type PasswordHash, SALT_BYTES } from "../lib/identity/password.ts";
import { passwordMatches } from "../lib/identity/scrypt.ts";
import { Refusal, tooMany } from "./refusal.ts";

/** Checks at once; the others wait in line. Two leave half of the thread pool to everything else. */
const AT_ONCE = 2;
/** Beyond this the wait would be longer than clients wait. */
const IN_LINE = 64;
/** Of one source, so that it cannot fill the line alone. */
const OF_ONE_SOURCE = 8;

/** What the password of an unknown user is compared with: same work, never equal. */
const NOBODY: PasswordHash = { salt: new Uint8Array(SALT_BYTES), hash: new Uint8Array(HASH_BYTES) };

export class PasswordGate {
  #running = 0;
  readonly #line: (() => void)[] = [];
  readonly #bySource = new Map<string, number>();

  /** Takes the same time whether `expected` is there or not. An empty password never matches. */
  async matches(password: string, expected: PasswordHash | undefined, source: string): Promise<boolean> {
    const ofSource = this.#bySource.get(source) ?? 0;
    if (ofSource >= OF_ONE_SOURCE) throw tooMany("TooManyAtOnce", 2);
    if (this.#line.length >= IN_LINE)
      throw new Refusal("Busy", "too many people are logging in; try again in 5 s", { retryAfterSeconds: 5 });
    this.#bySource.set(source, ofSource + 1);
    try {
      await this.#turn();
      try {
        const equal = await passwordMatches(password, expected ?? NOBODY);
        return equal && expected !== undefined && password !== "";
      } finally {
        this.#running -= 1;
        this.#line.shift()?.();
      }
    } finally {
      const left = (this.#bySource.get(source) ?? 1) - 1;
      if (left === 0) this.#bySource.delete(source);
      else this.#bySource.set(source, left);
    }
  }

  /** Takes a place; `#running` counts places held, and a place given back wakes the first in line. */
  async #turn(): Promise<void> {
    while (this.#running >= AT_ONCE) await new Promise<void>((wake) => this.#line.push(wake));
    this.#running += 1;
  }
}
