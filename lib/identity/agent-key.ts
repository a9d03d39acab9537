// What an agent signs with its Ed25519 key, so that agent and auth cannot disagree about a byte of it.
// Each text names its purpose and its cluster: a signature made for one is worthless for another.
import { createHash } from "node:crypto";

export const registerText = (cluster: string, registrationToken: string): string => `drover-register\n${cluster}\n${registrationToken}`;
export const agentTokenText = (cluster: string, nonce: string): string => `drover-token\n${cluster}\n${nonce}`;

/** Length of a raw Ed25519 public key, and of a signature. */
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** The DER head of a SubjectPublicKeyInfo for Ed25519; the raw key follows. */
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** The raw key in the form that node:crypto reads (`createPublicKey({ key, format: "der", type: "spki" })`). */
export const publicKeyDer = (raw: Uint8Array): Buffer => Buffer.concat([SPKI_HEAD, raw]);

/** `SHA256:<base64 without padding>`, as ssh prints it. */
export const fingerprint = (rawPublicKey: Uint8Array): string =>
  `SHA256:${createHash("sha256").update(rawPublicKey).digest("base64").replace(/=+$/, "")}`;

/**
 * An audience of the hub tokens that auth requests for the agent with this key. It ties each token to its key, whatever clocks say: a token of a
 * key that was revoked or replaced is recognised by comparing the two.
 */
export const keyAudience = (keyFingerprint: string): string => `drover.dev/agent-key/${keyFingerprint}`;
