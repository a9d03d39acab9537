import { randomBytes } from "node:crypto";
import { SYSTEM_NAMESPACE } from "../../lib/access/names.ts";
import {
  formatPasswordHash,
  HASH_KEY,
  PASSWORD_KEY,
  parsePasswordHash,
  passwordLength,
  passwordText,
  SALT_BYTES,
} from "../../lib/identity/password.ts";
import { hashPassword, passwordMatches } from "../../lib/identity/scrypt.ts";
import { Secret } from "../../lib/kube/core.ts";
import type { Executor } from "../../lib/reconcile/effects.ts";
import type { HashPassword } from "./user-account/plan.ts";
import { withHash, withoutCopies } from "./user-account/redact.ts";

/**
 * Whoever owns the last-applied annotation is taken for kubectl by `kubectl apply --server-side`, which then takes over, and removes, all else
 * that this manager owns. So the annotation is written in kubectl's name, and the hash in our own.
 */
const KUBECTL = "kubectl-client-side-apply";

/**
 * Replaces the plain password by its hash; keeps the hash that is there when it already is that password's.
 * Works on the Secret as it is now, and writes only if it is still that: a password applied meanwhile is not lost, it makes a conflict, and the
 * effect is planned again.
 */
export const runHashPassword: Executor<HashPassword> = async ({ subject, minPasswordLength }, { client, signal }) => {
  const secret = await client.find(Secret, { name: subject.name, namespace: SYSTEM_NAMESPACE }, { signal });
  if (secret === undefined || secret.metadata.uid !== subject.uid) return;
  const written = secret.data?.[PASSWORD_KEY];
  const password = written === undefined ? undefined : passwordText(Buffer.from(written, "base64"));
  if (written !== undefined && (password === undefined || passwordLength(password) < minPasswordLength)) return;
  const hash = password === undefined ? undefined : await newHash(password, secret);
  let current = secret;
  const clean = withoutCopies(secret);
  if (JSON.stringify(clean) !== JSON.stringify(secret)) current = await client.replace(Secret, clean, { fieldManager: KUBECTL, signal });
  if (password !== undefined) await client.replace(Secret, withHash(current, hash), { fieldManager: "user-account", signal });
};

/** Undefined: the hash stays as it is. */
async function newHash(password: string, { data }: Secret): Promise<string | undefined> {
  const stored = data?.[HASH_KEY];
  const current = stored === undefined ? undefined : parsePasswordHash(Buffer.from(stored, "base64").toString());
  if (current !== undefined && (await passwordMatches(password, current))) return undefined;
  return formatPasswordHash(await hashPassword(password, new Uint8Array(randomBytes(SALT_BYTES))));
}
