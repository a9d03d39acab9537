// Hashing and checking passwords. Slow by intent (about a quarter of a second, 32 MiB), in the thread pool, never on the event loop.
import { scrypt, timingSafeEqual } from "node:crypto";
import { HASH_BYTES, type PasswordHash, passwordText, SCRYPT } from "./password.ts";

/** `salt` comes from the caller, who has the randomness: SALT_BYTES fresh bytes for each password. */
export async function hashPassword(password: string, salt: Uint8Array): Promise<PasswordHash> {
  if (passwordText(password) === undefined) throw new Error("this is no password: see passwordText");
  return { salt, hash: await derive(password, salt) };
}

/** Always derives and always compares in constant time. What is no password, or an empty one, never matches. */
export async function passwordMatches(password: string, expected: PasswordHash): Promise<boolean> {
  const equal = timingSafeEqual(await derive(password, expected.salt), expected.hash);
  return equal && (passwordText(password) ?? "") !== "";
}

function derive(password: string, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(passwordText(password) ?? "", salt, HASH_BYTES, SCRYPT, (error, key) => (error ? reject(error) : resolve(new Uint8Array(key))));
  });
}
