// How a password hash is written: as a PHC string, `$scrypt$ln=15,r=8,p=3$<salt>$<hash>`, both in base64 without padding
// (https://github.com/P-H-C/phc-string-format). Form only; hashing is done where it is needed.
import { createHash } from "node:crypto";

/**
 * The one cost that is accepted. A hash of another cost would take another time to check, and so tell a stranger that its user exists.
 * `maxmem` is what node:crypto must be allowed: 128·N·r bytes and some air.
 */
export const SCRYPT = { N: 2 ** 15, r: 8, p: 3, maxmem: 64 * 1024 * 1024 } as const;

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

/** For messages to whoever wrote a hash in another form. */
export const PASSWORD_HASH_FORM = `$scrypt$ln=${Math.log2(SCRYPT.N)},r=${SCRYPT.r},p=${SCRYPT.p}$<salt>$<hash>`;

/** Both forms that are read: a PHC string, and `scrypt$32768$8$3$<salt>$<hash>` with padded base64, in which hashes used to be written. */
const FORMS = [
  { prefix: PASSWORD_HASH_FORM.replace("<salt>$<hash>", ""), isPadded: false },
  { prefix: `scrypt$${SCRYPT.N}$${SCRYPT.r}$${SCRYPT.p}$`, isPadded: true },
] as const;

export const formatPasswordHash = ({ salt, hash }: PasswordHash): string =>
  `${FORMS[0].prefix}${base64(salt, FORMS[0].isPadded)}$${base64(hash, FORMS[0].isPadded)}`;

/**
 * Tells passwords apart without saying anything about them: 16 hexadecimal digits of a digest of salt and hash, of which a stranger knows
 * neither. It stands in the User's status and in Tokens, so that a login ends when its password is another one.
 */
export const credentialOf = ({ salt, hash }: PasswordHash): string =>
  createHash("sha256").update("drover-credential\n").update(salt).update(hash).digest("hex").slice(0, 16);

/** Undefined for anything but a hash of exactly our algorithm, cost and lengths, in canonical base64; a line break at the end is a file's. */
export function parsePasswordHash(written: string): PasswordHash | undefined {
  const text = written.replace(/\r?\n$/, "");
  const form = FORMS.find(({ prefix }) => text.startsWith(prefix));
  if (form === undefined) return undefined;
  const parts = text.slice(form.prefix.length).split("$");
  const [salt, hash] = parts.map((part) => canonicalBase64(part, form.isPadded));
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

function base64(bytes: Uint8Array, isPadded: boolean): string {
  const text = Buffer.from(bytes).toString("base64");
  return isPadded ? text : text.replace(/=+$/, "");
}

function canonicalBase64(text: string, isPadded: boolean): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  return base64(bytes, isPadded) === text ? bytes : undefined;
}
