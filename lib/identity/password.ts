// How a password hash is written down: `scrypt$32768$8$3$<salt base64>$<hash base64>`. Form only; hashing is done where it is needed.

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

/** Undefined for anything but a hash of exactly our algorithm, cost and lengths, in canonical base64. */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const parts = text.slice(PREFIX.length).split("$");
  const [salt, hash] = parts.map(canonicalBase64);
  if (parts.length !== 2 || salt === undefined || hash === undefined) return undefined;
  if (salt.length < SALT_BYTES || salt.length > 64 || hash.length !== HASH_BYTES) return undefined;
  return { salt, hash };
}

/** Length as people count it: code points of the composed form, so that an accented letter is one however it was typed. */
export const passwordLength = (password: string): number => [...normalPassword(password)].length;

/** The form that is hashed: the same password typed on two systems must be the same bytes. */
export const normalPassword = (password: string): string => password.normalize("NFC");

function canonicalBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? new Uint8Array(bytes) : undefined;
}
