import { createPublicKey, verify } from "node:crypto";
import { PUBLIC_KEY_BYTES, publicKeyDer, SIGNATURE_BYTES } from "../../lib/identity/agent-key.ts";

/** Bytes of canonical base64 of exactly this length; undefined for anything else. */
export function exactBytes(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.length === length && bytes.toString("base64") === text ? bytes : undefined;
}

/** Ed25519. False, never an error, for keys and signatures that are none. */
export function signatureMatches(publicKey: string, text: string, signature: string): boolean {
  const key = exactBytes(publicKey, PUBLIC_KEY_BYTES);
  const signed = exactBytes(signature, SIGNATURE_BYTES);
  if (key === undefined || signed === undefined) return false;
  try {
    return verify(null, Buffer.from(text), createPublicKey({ key: publicKeyDer(key), format: "der", type: "spki" }), signed);
  } catch {
    return false;
  }
}
