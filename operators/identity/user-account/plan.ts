import type { ReasonOf } from "../../../crds/schema/condition.ts";
import { Accepted, type User } from "../../../crds/v1alpha1/user.ts";
import { SYSTEM_NAMESPACE } from "../../../lib/access/names.ts";
import { MAX_PASSWORD_LENGTH, PASSWORD_HASH_FORM } from "../../../lib/identity/password.ts";
import type { ConditionIntent, Effect, Plan } from "../../../lib/reconcile/contract.ts";
import type { Observed, SecretFacts } from "./observe.ts";

/** Takes the plain password out of the Secret, leaving its hash; the same password as before leaves the same hash. */
export interface HashPassword extends Effect {
  readonly type: "hash-password";
  /** In characters: what is shorter when the Secret is read again is not taken. */
  readonly minPasswordLength: number;
}

export interface AccountStatus {
  /** Of the last good hash. While a Secret is away or wrong it stays: nobody logs in then, but a doubt ends no login. */
  readonly credential?: string;
}

export function plan(user: User, observed: Observed): Plan<AccountStatus> {
  const credential = credentialNow(user, observed);
  return { ...evaluate(user, observed), status: credential === undefined ? {} : { credential } };
}

/** Only of a Secret that is the user's own; see below. */
function credentialNow({ spec, status }: User, { secret, claimedBy }: Observed): string | undefined {
  if (spec.local === undefined) return undefined;
  const own = secret?.is === "present" && claimedBy === undefined && secret.value.type === "Opaque" ? secret.value : undefined;
  return own?.credential ?? status?.credential;
}

function evaluate(user: User, { secret, minPasswordLength, claimedBy }: Observed): Plan<AccountStatus> {
  if (secret === undefined) return said(user, Accepted.Accepted, "");
  const name = user.spec.local?.passwordSecret.name ?? "";
  const where = `Secret ${name} in ${SYSTEM_NAMESPACE}`;

  if (secret.is === "unreadable") return said(user, Accepted.Unreadable, secret.because);
  if (secret.is === "absent") return said(user, Accepted.SecretNotFound, `${where} does not exist`);
  const facts = secret.value;
  if (claimedBy !== undefined) return said(user, Accepted.SecretNotAllowed, `${where} belongs to AuthProvider ${claimedBy}`);
  if (facts.type !== "Opaque")
    return said(user, Accepted.SecretNotAllowed, `${where} is of type ${facts.type}; a password Secret is Opaque`);

  if (facts.passwordLength === "unusable")
    return said(
      user,
      Accepted.PasswordInvalid,
      `the password in ${where} cannot be typed: it has control characters or line breaks in it, is no UTF-8, or longer than ${MAX_PASSWORD_LENGTH} characters`,
    );
  if (facts.passwordLength !== undefined) {
    if (facts.passwordLength < minPasswordLength)
      return said(user, Accepted.PasswordTooShort, `the password in ${where} is shorter than ${minPasswordLength} characters`);
    if (facts.immutable) return cannotChange(user, where);
    // Until the new one is hashed a login goes by the hash that is there, so that applying a Secret again stops nobody.
    const meanwhile =
      facts.hash === "good" ? said(user, Accepted.Accepted, "") : said(user, Accepted.Hashing, `the password in ${where} is being hashed`);
    return { ...meanwhile, effects: [hash(name, facts, minPasswordLength)] };
  }
  if (facts.hash === "absent") return said(user, Accepted.SecretInvalid, `${where} has neither a key "password" nor a key "hash"`);
  if (facts.hash === "malformed")
    return said(
      user,
      Accepted.SecretInvalid,
      `key "hash" of ${where} is not of the form ${PASSWORD_HASH_FORM}; kubectl drover hash-password prints one`,
    );
  if (!facts.annotationsLeak) return said(user, Accepted.Accepted, "");
  return facts.immutable
    ? cannotChange(user, where)
    : { ...said(user, Accepted.Accepted, ""), effects: [hash(name, facts, minPasswordLength)] };
}

const cannotChange = (user: User, where: string): Plan<AccountStatus> =>
  said(
    user,
    Accepted.SecretNotAllowed,
    `${where} is immutable, so its plain password cannot be taken out; delete it and apply it without "immutable"`,
  );

const hash = (name: string, { uid }: SecretFacts, minPasswordLength: number): HashPassword => ({
  type: "hash-password",
  minPasswordLength,
  subject: { apiVersion: "v1", kind: "Secret", namespace: SYSTEM_NAMESPACE, name, uid },
});

/** A disabled account is not accepted whatever its Secret says, but its password is hashed all the same. */
function said(user: User, reason: ReasonOf<typeof Accepted>, message: string): Plan<AccountStatus> {
  return {
    conditions: [
      condition(
        user.spec.enabled ? reason : Accepted.Disabled,
        user.spec.enabled ? message : "`enabled` is false: no login, no access anywhere",
      ),
    ],
    finalizer: "none",
  };
}

function condition(reason: ReasonOf<typeof Accepted>, message: string): ConditionIntent {
  const status = reason === Accepted.Accepted ? "True" : reason === Accepted.Unreadable ? "Unknown" : "False";
  return { type: Accepted.type, status, reason, message };
}
