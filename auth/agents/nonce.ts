// Nonces for agents. They are signed, so that a replica of auth can verify what another one made, without shared memory. Pure.
// Form: <expiry, ms since 1970>.<16 random bytes>.<HMAC over purpose, cluster, expiry and the random part>, each base64url or decimal.
import { createHmac, timingSafeEqual } from "node:crypto";

export const NONCE_LIFETIME_MS = 60_000;
export const NONCE_KEY_BYTES = 32;
export const NONCE_RANDOM_BYTES = 16;

/** A nonce is bound to this endpoint and to one cluster. */
export const NONCE_PURPOSE = "agent-token";

const FORM = /^([0-9]{13})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export function makeNonce(key: Uint8Array, cluster: string, now: Date, random: Uint8Array): string {
  const expires = String(now.getTime() + NONCE_LIFETIME_MS);
  const salt = Buffer.from(random).toString("base64url");
  return `${expires}.${salt}.${mac(key, cluster, expires, salt).toString("base64url")}`;
}

/** "forged" covers everything that this key did not make for this cluster. */
export function verifyNonce(key: Uint8Array, cluster: string, now: Date, nonce: string): "valid" | "expired" | "forged" {
  const [, expires, salt, given] = FORM.exec(nonce) ?? [];
  if (expires === undefined || salt === undefined || given === undefined) return "forged";
  if (!timingSafeEqual(mac(key, cluster, expires, salt), Buffer.from(given, "base64url"))) return "forged";
  return now.getTime() < Number(expires) ? "valid" : "expired";
}

function mac(key: Uint8Array, cluster: string, expires: string, salt: string): Buffer {
  return createHmac("sha256", key).update(`${NONCE_PURPOSE}\n${cluster}\n${expires}\n${salt}`).digest();
}
