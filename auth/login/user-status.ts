// What auth writes on the status of a User: the time of the last login, the credential it was made with, and the end of all logins.
// Each of them has a field manager of its own, because an apply removes the manager's fields that it leaves out.
import { User } from "../../crds/v1alpha1/user.ts";
import { VERSION } from "../../lib/access/names.ts";
import { isConflict } from "../../lib/kube/client.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { Context } from "../context.ts";

/** Every write reaches all watches on Users. This is precise enough to find users who no longer log in. */
const EVERY_MS = 5 * 60_000;
/** Conflicts are rare: others write the User's status too, but seldom. */
const TRIES = 10;

/** A login does not fail because this time could not be written. */
export async function recordLastLogin(context: Context, user: User): Promise<void> {
  const now = context.now();
  const last = user.status?.lastLoginTime;
  if (last !== undefined && now.getTime() - Date.parse(last) < EVERY_MS) return;
  await write(context, user, "auth", { lastLoginTime: now.toISOString() }).catch(() => undefined);
}

/**
 * Before a token is handed out, the status has to name the credential that was checked, since sessions end when it names another one. The identity
 * operator writes it too; a login that comes first, or while the operator is down, does not wait for it. Throws when the status names another
 * credential meanwhile: then the one that was checked may be the old one, and must not be written back.
 */
export async function recordCredential(context: Context, user: User, credential: string | undefined): Promise<void> {
  if (credential === undefined) return;
  await change(context, user, "auth-credential", (now) => {
    const written = now.status?.credential;
    if (written !== credential && written !== user.status?.credential) throw accountChanging();
    return written === credential ? undefined : { credential };
  });
}

/** Ends every session of the user that began before. Two calls at once count as two. */
export async function endAllLogins(context: Context, user: User): Promise<void> {
  await change(context, user, "auth-logout", (now) => ({ loginGeneration: (now.status?.loginGeneration ?? 0) + 1 }));
}

/** Writes what `decide` returns for the User as it is now; undefined: nothing. A User that is gone needs no write: its sessions ended with it. */
async function change(context: Context, user: User, manager: string, decide: (now: User) => object | undefined): Promise<void> {
  for (let now: User | undefined = user, left = TRIES; ; left--) {
    if (now === undefined || now.metadata.uid !== user.metadata.uid) return;
    const status = decide(now);
    if (status === undefined) return;
    try {
      return await write(context, now, manager, status, now.metadata.resourceVersion);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (left === 0) throw accountChanging();
    }
    now = await context.hub.find(User, { name: user.metadata.name });
  }
}

const accountChanging = (): Refusal =>
  new Refusal("HubUnavailable", "this account is being changed; try again in 1 s", {
    auditReason: "AccountChanging",
    retryAfterSeconds: 1,
  });

/** With a `resourceVersion`: only if the User has not changed since. */
async function write(context: Context, user: User, fieldManager: string, status: object, resourceVersion?: string): Promise<void> {
  const { name, uid } = user.metadata;
  const metadata = { name, ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const intent = { apiVersion: VERSION, kind: "User", metadata, status };
  await context.hub.apply(User, intent, { fieldManager, subresource: "status" });
}
