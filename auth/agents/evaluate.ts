// Whether an agent's key is registered. Pure: the caller brings what it read from the hub.
import { timingSafeEqual } from "node:crypto";
import type { ClusterRegistration } from "../../crds/v1alpha1/clusterregistration.ts";

export type RegistrationResult =
  /** The key is to be put on record. */
  | "Register"
  /** The same key with the same token: the agent did not receive the first answer. */
  | "AlreadyRegistered"
  | "UnknownCluster"
  | "WrongToken"
  | "WrongSignature"
  | "TokenExpired"
  | "OtherKeyRegistered";

export interface RegistrationFacts {
  readonly registration: ClusterRegistration | undefined;
  /** SHA-256 of the token that was sent, 64 hex characters. */
  readonly tokenHash: string;
  /** Base64 of the raw key that was sent. */
  readonly publicKey: string;
  readonly signatureMatches: boolean;
}

/** The token comes first: without it nothing can be learnt about a cluster. */
export function evaluateRegistration(
  { registration, tokenHash, publicKey, signatureMatches }: RegistrationFacts,
  now: Date,
): RegistrationResult {
  if (registration === undefined) return "UnknownCluster";
  if (!sameHash(registration.spec.tokenHash, tokenHash)) return "WrongToken";
  if (!signatureMatches) return "WrongSignature";
  const registered = registration.status?.publicKey;
  if (registered !== undefined && registered !== publicKey) return "OtherKeyRegistered";
  if (!(now.getTime() < Date.parse(registration.spec.expiresAt))) return "TokenExpired";
  return registered === undefined ? "Register" : "AlreadyRegistered";
}

function sameHash(expected: string | undefined, given: string): boolean {
  const hex = /^[0-9a-f]{64}$/;
  if (expected === undefined || !hex.test(expected) || !hex.test(given)) return false;
  return timingSafeEqual(Buffer.from(expected, "hex"), Buffer.from(given, "hex"));
}
