// What auth writes on a User: when they last logged in, with which password, and that all their logins ended.
// Each note has a field manager of its own: what one apply leaves out is then not taken away from another.
import { User } from "../../crds/v1alpha1/user.ts";
import { VERSION } from "../../lib/access/names.ts";
import { isConflict } from "../../lib/kube/client.ts";
import { Refusal } from "../../lib/server/refusal.ts";
import type { Context } from "../context.ts";

/** Every write of a User wakes all who watch Users; this often is often enough to know who is still around. */
const EVERY_MS = 5 * 60_000;
/** Others write the User's status as well, each seldom. */
const TRIES = 10;

/** Notes on the User that they logged in. A login that worked does not fail because of this note. */
export async function recordLastLogin(context: Context, user: User): Promise<void> {
  const now = context.now();
  const last = user.status?.lastLoginTime;
  if (last !== undefined && now.getTime() - Date.parse(last) < EVERY_MS) return;
  await note(context, user, "auth", { lastLoginTime: now.toISOString() }).catch(() => undefined);
}

/**
 * Before a login is given out, the User has to say that its password is the current one. The identity operator says it as well; a login that
 * comes first, or while the operator is away, does not wait for it. Refuses when the User says another one meanwhile: the password that was
 * checked may then be the old one, and must not be put back.
 */
export async function recordCredential(context: Context, user: User, credential: string | undefined): Promise<void> {
  if (credential === undefined) return;
  await change(context, user, "auth-credential", (now) => {
    const said = now.status?.credential;
    if (said !== credential && said !== user.status?.credential) throw beingChanged();
    return said === credential ? undefined : { credential };
  });
}

/** Every login of the user that was made until now ends with this; two at once count as two. */
export async function endAllLogins(context: Context, user: User): Promise<void> {
  await change(context, user, "auth-logout", (now) => ({ loginGeneration: (now.status?.loginGeneration ?? 0) + 1 }));
}

/** Writes what `decide` makes of the User as it is at that moment; undefined: nothing. With the User all its logins end, so there is no more to do. */
async function change(context: Context, user: User, manager: string, decide: (now: User) => object | undefined): Promise<void> {
  for (let now: User | undefined = user, left = TRIES; ; left--) {
    if (now === undefined || now.metadata.uid !== user.metadata.uid) return;
    const status = decide(now);
    if (status === undefined) return;
    try {
      return await note(context, now, manager, status, now.metadata.resourceVersion);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (left === 0) throw beingChanged();
    }
    now = await context.hub.find(User, { name: user.metadata.name });
  }
}

const beingChanged = (): Refusal =>
  new Refusal("HubUnavailable", "this account is being changed; try again in 1 s", { because: "AccountChanging", retryAfterSeconds: 1 });

/** With a `resourceVersion` only if the User is still that one. */
async function note(context: Context, user: User, fieldManager: string, status: object, resourceVersion?: string): Promise<void> {
  const { name, uid } = user.metadata;
  const metadata = { name, ...(uid === undefined ? {} : { uid }), ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const intent = { apiVersion: VERSION, kind: "User", metadata, status };
  await context.hub.apply(User, intent, { fieldManager, subresource: "status" });
}
