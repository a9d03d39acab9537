// How a password hash is written down: `scrypt$32768$8$3$<salt base64>$<hash base64>`. Form only; hashing is done where it is needed.
import { createHash } from "node:crypto";

/**
 * The one cost that is accepted. A hash of another cost would take another time to check, and so tell a stranger that its user exists.
 * `maxmem` is what node:crypto must be allowed: 128·N·r bytes and some air.
 */
export const SCRYPT = { N: 32768, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const;

export const SALT_BYTES = 16;
export const HASH_BYTES = 32;

/** The keys of a password Secret: `password` is what people write, `hash` what stays. */
export const PASSWORD_KEY = "password";
export const HASH_KEY = "hash";

/** What applies where no AuthProvider `local` says otherwise. */
export const DEFAULT_MIN_PASSWORD_LENGTH = 12;

export interface PasswordHash {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

const PREFIX = `scrypt$${SCRYPT.N}$${SCRYPT.r}$${SCRYPT.p}$`;

export function formatPasswordHash({ salt, hash }: PasswordHash): string {
  return `${PREFIX}${Buffer.from(salt).toString("base64")}$${Buffer.from(hash).toString("base64")}`;
}

/**
 * Tells passwords apart without saying anything about them: 16 hexadecimal digits of a digest of salt and hash, of which a stranger knows
 * neither. It stands in the User's status and in Tokens, so that a login ends when its password is another one.
 */
export const credentialOf = ({ salt, hash }: PasswordHash): string =>
  createHash("sha256").update("drover-credential\n").update(salt).update(hash).digest("hex").slice(0, 16);

/** Undefined for anything but a hash of exactly our algorithm, cost and lengths, in canonical base64; a line break at the end is a file's. */
export function parsePasswordHash(written: string): PasswordHash | undefined {
  const text = written.replace(/\r?\n$/, "");
  if (!text.startsWith(PREFIX)) return undefined;
  const parts = text.slice(PREFIX.length).split("$");
  const [salt, hash] = parts.map(canonicalBase64);
  if (parts.length !== 2 || salt === undefined || hash === undefined) return undefined;
  if (salt.length < SALT_BYTES || salt.length > 64 || hash.length !== HASH_BYTES) return undefined;
  return { salt, hash };
}

/** In characters, as `passwordLength` counts them. */
export const MAX_PASSWORD_LENGTH = 1024;

/**
 * What of the bytes or the text that somebody wrote is the password, wherever it comes from: a Secret, a login, a file, standard input.
 * What editors and `echo` add is none of it: a byte order mark at the beginning, one line break at the end. Spaces of every kind are the one
 * that a keyboard has, and accented letters are composed (the profile OpaqueString of RFC 8265), so that the same password typed on two
 * systems is the same. Undefined for what nobody can type: control characters, other line breaks, bytes that are no UTF-8, more than
 * MAX_PASSWORD_LENGTH characters.
 */
export function passwordText(written: string | Uint8Array): string | undefined {
  const text = typeof written === "string" ? written : utf8(written);
  if (text === undefined || !text.isWellFormed()) return undefined;
  const plain = text
    .replace(/^\uFEFF/, "")
    .replace(/\r?\n$/, "")
    .replace(/\p{Zs}/gu, " ")
    .normalize("NFC");
  return /[\p{Cc}\p{Zl}\p{Zp}]/u.test(plain) || passwordLength(plain) > MAX_PASSWORD_LENGTH ? undefined : plain;
}

/** Of a text that `passwordText` gave: code points, so that an accented letter is one. */
export const passwordLength = (text: string): number => [...text].length;

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function canonicalBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? new Uint8Array(bytes) : undefined;
}
