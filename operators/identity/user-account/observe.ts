import { AuthProvider } from "../../../crds/v1alpha1/authprovider.ts";
import type { User } from "../../../crds/v1alpha1/user.ts";
import { SYSTEM_NAMESPACE } from "../../../lib/access/names.ts";
import {
  credentialOf,
  DEFAULT_MIN_PASSWORD_LENGTH,
  HASH_KEY,
  PASSWORD_KEY,
  parsePasswordHash,
  passwordLength,
  passwordText,
} from "../../../lib/identity/password.ts";
import { Secret } from "../../../lib/kube/core.ts";
import type { Reader, Reading } from "../../../lib/reconcile/contract.ts";
import { leaks } from "./redact.ts";

/** What the plan needs to know of the Secret. Never the password nor the hash: what is not here cannot come into a message. */
export interface SecretFacts {
  readonly uid: string;
  readonly type: string;
  readonly immutable: boolean;
  /** Length of the plain password in characters; undefined where there is none, "unusable" where it is none that anybody could type. */
  readonly passwordLength: number | "unusable" | undefined;
  readonly hash: "absent" | "malformed" | "good";
  /** A fingerprint of a good hash, which says nothing about the password. */
  readonly credential: string | undefined;
  /** An annotation repeats data of the Secret. */
  readonly annotationsLeak: boolean;
}

export interface Observed {
  /** Undefined for a User without a password of their own. */
  readonly secret: Reading<SecretFacts> | undefined;
  readonly minPasswordLength: number;
  /** The AuthProvider that uses the same Secret for itself. */
  readonly claimedBy: string | undefined;
}

export async function observe(user: User, read: Reader): Promise<Observed> {
  const providers = read.list(AuthProvider);
  const lengths = providers.flatMap(({ spec }) => spec.local?.minPasswordLength ?? []);
  const minPasswordLength = lengths.length === 0 ? DEFAULT_MIN_PASSWORD_LENGTH : Math.max(...lengths);
  const name = user.spec.local?.passwordSecret.name;
  if (name === undefined) return { secret: undefined, minPasswordLength, claimedBy: undefined };

  const found = read.get(Secret, name, SYSTEM_NAMESPACE);
  return {
    secret: found.is === "present" ? { is: "present", value: factsOf(found.value) } : found,
    minPasswordLength,
    claimedBy: providers.find((provider) => secretsOf(provider).includes(name))?.metadata.name,
  };
}

function factsOf(secret: Secret): SecretFacts {
  const password = secret.data?.[PASSWORD_KEY];
  const hash = secret.data?.[HASH_KEY];
  const parsed = hash === undefined ? undefined : parsePasswordHash(decoded(hash));
  return {
    uid: secret.metadata.uid ?? "",
    type: secret.type ?? "Opaque",
    immutable: secret.immutable ?? false,
    passwordLength: password === undefined ? undefined : lengthOf(password),
    hash: hash === undefined ? "absent" : parsed === undefined ? "malformed" : "good",
    credential: parsed === undefined ? undefined : credentialOf(parsed),
    annotationsLeak: leaks(secret),
  };
}

function lengthOf(base64: string): number | "unusable" {
  const text = passwordText(Buffer.from(base64, "base64"));
  return text === undefined ? "unusable" : passwordLength(text);
}

const decoded = (base64: string): string => Buffer.from(base64, "base64").toString();

function secretsOf({ spec: { activeDirectory, ldap, github, oidc } }: AuthProvider): readonly string[] {
  const refs = [
    ...[activeDirectory, ldap].flatMap((directory) => [directory?.caSecret, directory?.bind.passwordSecret]),
    github?.clientSecret,
    oidc?.clientSecret,
    oidc?.caSecret,
  ];
  return refs.flatMap((ref) => ref?.name ?? []);
}
