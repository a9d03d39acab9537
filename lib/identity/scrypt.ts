// Hashing and checking passwords. Slow by intent (about a quarter of a second, 32 MiB), in the thread pool, never on the event loop.
import { scrypt, timingSafeEqual } from "node:crypto";
import { HASH_BYTES, normalPassword, type PasswordHash, SCRYPT } from "./password.ts";

/** `salt` comes from the caller, who has the randomness: SALT_BYTES fresh bytes for each password. */
export async function hashPassword(password: string, salt: Uint8Array): Promise<PasswordHash> {
  return { salt, hash: await derive(password, salt) };
}

/** Always derives and always compares in constant time. */
export async function passwordMatches(password: string, expected: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, expected.salt), expected.hash);
}

function derive(password: string, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(normalPassword(password), salt, HASH_BYTES, SCRYPT, (error, key) => (error ? reject(error) : resolve(new Uint8Array(key))));
  });
}
