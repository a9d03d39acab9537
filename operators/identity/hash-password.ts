import { randomBytes } from "node:crypto";
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import { formatPasswordHash, HASH_KEY, PASSWORD_KEY, parsePasswordHash, passwordLength, SALT_BYTES } from "../../lib/identity/password.ts";
import { hashPassword, passwordMatches } from "../../lib/identity/scrypt.ts";
import { Secret } from "../../lib/kube/core.ts";
import type { Executor } from "../../lib/reconcile/effects.ts";
import type { HashPassword } from "./user-account/plan.ts";
import { redacted } from "./user-account/redact.ts";

/**
 * Replaces the plain password by its hash; keeps the hash that is there when it already is that password's.
 * Works on the Secret as it is now, and writes only if it is still that: a password applied meanwhile is not lost, it makes a conflict, and the
 * effect is planned again.
 */
export const runHashPassword: Executor<HashPassword> = async ({ subject, minPasswordLength }, { client, signal }) => {
  const secret = await client.find(Secret, { name: subject.name, namespace: SYSTEM_NAMESPACE }, { signal });
  if (secret === undefined || secret.metadata.uid !== subject.uid) return;
  const password = secret.data?.[PASSWORD_KEY];
  if (password !== undefined && passwordLength(decoded(password)) < minPasswordLength) return;
  const hash = await newHash(secret);
  await client.replace(Secret, redacted(secret, hash), { fieldManager: "user-account", signal });
};

/** Undefined: the hash stays as it is. */
async function newHash({ data }: Secret): Promise<string | undefined> {
  const [encoded, stored] = [data?.[PASSWORD_KEY], data?.[HASH_KEY]];
  if (encoded === undefined) return undefined;
  const password = decoded(encoded);
  const current = stored === undefined ? undefined : parsePasswordHash(decoded(stored));
  if (current !== undefined && (await passwordMatches(password, current))) return undefined;
  return formatPasswordHash(await hashPassword(password, new Uint8Array(randomBytes(SALT_BYTES))));
}

const decoded = (base64: string): string => Buffer.from(base64, "base64").toString();
